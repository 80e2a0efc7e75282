/**
 * A helper thread that waits for syncs of counters, so that the thread whose tasks add to them does
 * not have to: one more adder, as another process would be; see src/files/commit_helper.ts.
 *
 * @module
 */
import { AT_WORK, type CommitJob, type CommitMessage, STOP } from "../src/files/commit_helper.ts";
import { GroupCommit } from "../src/files/group_commit.ts";
import { TrackedLockFile } from "../src/files/tracked_lock_file.ts";
import { adapter } from "../src/runtime/adapter.ts";

const parent = adapter.parentThread();
if (parent === undefined) throw new Error("This module is for a Web Worker");

const say = (message: CommitMessage) => parent.postMessage(message);
const counters = new Map<
  number,
  { readonly tracked: TrackedLockFile; readonly commit: GroupCommit }
>();

function open(path: string) {
  // A counter that was removed meanwhile must not come back as an empty file, without a number.
  const tracked = new TrackedLockFile(path, { create: false });
  try {
    return { tracked, commit: new GroupCommit(tracked) };
  } catch (error) {
    tracked.close(error as Error);
    throw error;
  }
}

function close(counter: number): void {
  const { tracked, commit } = counters.get(counter) ?? {};
  counters.delete(counter);
  try {
    commit?.close();
  } finally {
    tracked?.close(new Error("The counter was closed"));
  }
}

function wait(counter: number, path: string, number: number): CommitMessage {
  let opened = counters.get(counter);
  try {
    if (opened === undefined) counters.set(counter, opened = open(path));
  } catch {
    return { counter, unopened: true };
  }
  try {
    opened.commit.await(number);
    return { counter };
  } catch (error) {
    // By its fields, since a copy of an error loses them.
    const { message } = error as Error;
    return { counter, error: { message, fields: { ...error as object } } };
  }
}

function work({ counter, path, number }: CommitJob): void {
  if (number === undefined) close(counter);
  else say(wait(counter, path, number));
}

parent.onMessage((message) => {
  const job = message as CommitJob;
  Atomics.store(job.words, AT_WORK, 1);
  try {
    if (Atomics.load(job.words, STOP) === 0) work(job);
  } finally {
    Atomics.store(job.words, AT_WORK, 0);
    Atomics.notify(job.words, AT_WORK);
  }
});
say({ ready: true });
