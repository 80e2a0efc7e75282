import type { ByteRange } from "../runtime/file_locks/byte_range.ts";

/** A job of a helper thread: to wait for a lock. The answer is whether it is acquired. */
export interface LockJob {
  readonly fd: number;
  readonly path: string;
  readonly range: ByteRange | undefined;
  readonly shared: boolean;
  /** The thread that waits for the answer; if it has ended, the lock is not wanted. */
  readonly parent: number;
}
