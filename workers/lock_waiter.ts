/**
 * A helper thread that waits in the kernel for file locks of another thread, one at a time. A lock
 * belongs to the open file, not to the thread. The helper waits with a descriptor of its own: the
 * parent's is closed if the parent ends, and its number may soon be another file's.
 *
 * @module
 */
import {
  AT_WORK,
  type HelperJob,
  type HelperMessage,
  SETTLED,
  THREAD,
} from "../src/files/helper_job.ts";
import { adapter } from "../src/runtime/adapters/adapter.ts";
import { duplicate } from "../src/runtime/files/descriptors.ts";
import { threadIdentity, threadIsThere } from "../src/runtime/identity/thread_identity.ts";
import { unlockFd, waitForFd } from "../src/runtime/file_locks/lock_by_descriptor.ts";
import { closeEarly, closeWithThread } from "../src/runtime/threads/thread_end.ts";

const parent = adapter.parentThread();
if (parent === undefined) throw new Error("This module is for a Web Worker");

const say = (message: HelperMessage) => parent.postMessage(message);

/** Waits with a copy of the descriptor; if the process can open no more, with the parent's. */
function withOwnDescriptor(job: HelperJob, wait: (job: HelperJob) => boolean): boolean {
  const copy = duplicate(job.fd);
  if (copy === undefined) return wait(job);
  let fd = copy;
  try {
    fd = closeWithThread(copy);
    return wait({ ...job, fd });
  } finally {
    closeEarly(fd);
  }
}

function work(job: HelperJob): boolean {
  const isCalledOff = () => Atomics.load(job.words, SETTLED) === job.number;
  // SAFETY: foreign functions are called between these two stores only. Node crashes if a thread is
  // ended in one, so a process that ends reads AT_WORK first.
  Atomics.store(job.words, AT_WORK, job.number);
  try {
    if (isCalledOff()) return false;
    const { pid, thread } = threadIdentity();
    Atomics.store(job.words, THREAD, thread);
    const isWanted = () => !isCalledOff() && threadIsThere(pid, job.parent);
    return withOwnDescriptor(job, (own) => {
      if (!isWanted() || !waitForFd(own, isWanted)) return false;
      const isFirst = Atomics.compareExchange(job.words, SETTLED, 0, -job.number) === 0;
      if (isFirst && threadIsThere(pid, job.parent)) return true;
      unlockFd(own); // The wait was cancelled, or the parent has ended.
      return false;
    });
  } finally {
    Atomics.store(job.words, AT_WORK, 0);
    Atomics.notify(job.words, AT_WORK);
  }
}

parent.onMessage((message) => {
  try {
    say({ locked: work(message as HelperJob) });
  } catch {
    say({ locked: false, failed: true });
  }
});
say({ ready: true });
