/**
 * A helper thread that waits for syncs of counters on behalf of the tasks of another thread. It is one
 * more adder, like another process; see src/files/commit_helper.ts.
 *
 * @module
 */
import { AT_WORK, type CommitJob, type CommitMessage, STOP } from "../src/files/commit_helper.ts";
import { GroupCommit } from "../src/files/group_commit.ts";
import { TrackedLockFile } from "../src/files/tracked_lock_file.ts";
import { adapter } from "../src/runtime/adapters/adapter.ts";

const parent = adapter.parentThread();
if (parent === undefined) throw new Error("This module is for a Web Worker");

const say = (message: CommitMessage) => parent.postMessage(message);
const counters = new Map<
  number,
  { readonly tracked: TrackedLockFile; readonly commit: GroupCommit }
>();

function open(path: string) {
  // If the counter was removed, opening it must not create an empty file.
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
    // Field by field, since `postMessage` drops the fields of an error.
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
