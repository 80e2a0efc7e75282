/**
 * A helper thread that waits for file locks in the kernel, one at a time, so that the thread that
 * wants them does not have to. The lock belongs to the open file, whoever waited for it.
 *
 * @module
 */
import type { HelperJob, HelperMessage } from "../src/files/kernel_waits.ts";
import { adapter } from "../src/runtime/adapter.ts";
import { threadIdentity, threadIsThere } from "../src/runtime/identity.ts";
import { unlockFd, waitForFd } from "../src/runtime/native_lock_file.ts";

const parent = adapter.parentThread();
if (parent === undefined) throw new Error("This module is for a Web Worker");

const { pid, thread } = threadIdentity();
const say = (message: HelperMessage) => parent.postMessage(message);

parent.onMessage((message) => {
  const job = message as HelperJob;
  const isWanted = () =>
    Atomics.load(job.calledOff, 0) !== job.number && threadIsThere(pid, job.parent);
  try {
    const locked = waitForFd(job, isWanted);
    // Nobody is left to give it back.
    if (locked && !threadIsThere(pid, job.parent)) unlockFd(job);
    say({ locked });
  } catch (error) {
    // By its fields, since a copy of an error loses them.
    say({
      locked: false,
      error: { message: (error as Error).message, fields: { ...error as object } },
    });
  }
});
say({ thread });
