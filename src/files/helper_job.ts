import type { ByteRange } from "../runtime/range_lock.ts";

/** What a helper thread is told; see `workers/lock_waiter.ts`. */
export interface HelperJob {
  readonly number: number;
  readonly fd: number;
  readonly path: string;
  readonly range: ByteRange | undefined;
  readonly shared: boolean;
  /** What both write and read; see {@linkcode SETTLED} and those after it. */
  readonly words: Int32Array;
  /** The thread that waits for the answer; without it there is nobody to have the lock. */
  readonly parent: number;
}

/**
 * The word that settles a job, by whoever comes first: its number where it is called off, the
 * negative of that where the lock was had. So whoever calls it off knows at once whether it holds
 * the lock, without a message that a blocked thread would not get.
 */
export const SETTLED = 0;
/** The word with the number of the job that the helper is at, and may be in the kernel for; or 0. */
export const AT_WORK = 1;
/** The word with the number of the helper's thread, once it is at work. */
export const THREAD = 2;

/** What a helper thread says: that it is there, then how each job ended. */
export type HelperMessage =
  | { readonly ready: true }
  | { readonly locked: boolean; readonly failed?: true };
