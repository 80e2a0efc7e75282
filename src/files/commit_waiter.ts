import type { LockFile } from "../runtime/file_locks/lock_file.ts";
import { openLockFile } from "../runtime/file_locks/open_lock_file.ts";
import type { CommitAnswer, CommitJob } from "./commit_job.ts";
import { GroupCommit, type SyncedFile } from "./group_commit.ts";

/** A counter as the helper sees it: it syncs the file, and never locks it. */
class Counter implements SyncedFile {
  #file: LockFile;
  readonly commit: GroupCommit;

  constructor(path: string) {
    // If it was removed, opening it must not create an empty file.
    this.#file = openLockFile(path, undefined, false);
    try {
      this.commit = new GroupCommit(this);
    } catch (error) {
      this.#file.close();
      throw error;
    }
  }

  get file(): LockFile {
    return this.#file;
  }

  follow(): void {
    while (!this.#file.isCurrent()) {
      const last = this.#file;
      this.#file = last.reopen();
      last.close();
    }
  }

  close(): void {
    try {
      this.commit.close();
    } finally {
      this.#file.close();
    }
  }
}

const counters = new Map<number, Counter>();

function close(counter: number): void {
  const opened = counters.get(counter);
  counters.delete(counter);
  opened?.close();
}

function wait(counter: number, path: string, number: number): CommitAnswer {
  let opened = counters.get(counter);
  // If it cannot be opened, the parent waits itself.
  if (opened === undefined) counters.set(counter, opened = new Counter(path));
  try {
    opened.commit.await(number);
    return {};
  } catch (error) {
    const { message } = error as Error;
    return { error: { message, fields: { ...error as object } } };
  }
}

/**
 * Waits for syncs of counters on behalf of the tasks of another thread: the helper's side of
 * `commitInHelper`. It is one more adder, like another process.
 */
export function commitWaiter({ counter, path, number }: CommitJob): CommitAnswer | undefined {
  if (number !== undefined) return wait(counter, path, number);
  close(counter);
  return undefined;
}
