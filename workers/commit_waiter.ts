/**
 * A helper thread that waits for syncs of counters on behalf of the tasks of another thread. It is one
 * more adder, like another process; see src/files/commit_helper.ts.
 *
 * @module
 */
import type { CommitAnswer, CommitJob } from "../src/files/commit_job.ts";
import { GroupCommit } from "../src/files/group_commit.ts";
import { TrackedLockFile } from "../src/files/tracked_lock_file.ts";
import { serveParent } from "../src/runtime/threads/serve_parent.ts";

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

function wait(counter: number, path: string, number: number): CommitAnswer {
  let opened = counters.get(counter);
  // If it cannot be opened, the parent waits itself.
  if (opened === undefined) counters.set(counter, opened = open(path));
  try {
    opened.commit.await(number);
    return {};
  } catch (error) {
    const { message } = error as Error;
    return { error: { message, fields: { ...error as object } } };
  }
}

serveParent<CommitJob, CommitAnswer | undefined>(({ counter, path, number }) => {
  if (number !== undefined) return wait(counter, path, number);
  close(counter);
  return undefined;
});
