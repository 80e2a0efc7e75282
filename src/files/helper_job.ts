import type { ByteRange } from "../runtime/file_locks/byte_range.ts";

/** A message to a helper thread: wait for a lock; see `workers/lock_waiter.ts`. */
export interface HelperJob {
  readonly number: number;
  readonly fd: number;
  readonly path: string;
  readonly range: ByteRange | undefined;
  readonly shared: boolean;
  /** Words that both threads read and write; see {@linkcode SETTLED} and those after it. */
  readonly words: Int32Array;
  /** The thread that waits for the answer; if it has ended, the lock is not wanted. */
  readonly parent: number;
}

/**
 * The word that settles a job. The first of two writes counts: the parent writes the job's number to
 * cancel it, the helper the negative number when it has the lock. So the parent knows at once whether
 * it holds a lock, without a message, which it could not receive while it is blocked.
 */
export const SETTLED = 0;
/** The word with the number of the job for which the helper may be in the kernel, or 0. */
export const AT_WORK = 1;
/** The word with the thread number of the helper, from its first job on. */
export const THREAD = 2;

/** A message of a helper thread: that it has started, then how each job ended. */
export type HelperMessage =
  | { readonly ready: true }
  | { readonly locked: boolean; readonly failed?: true };
