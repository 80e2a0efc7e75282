import type { ByteRange } from "./byte_range.ts";
import { unlockFlock, waitFlock } from "./flock.ts";
import { RangeRequests } from "./range_lock.ts";

/** An open file and how to lock it, as one thread tells another. */
export interface LockRequest {
  readonly fd: number;
  readonly path: string;
  readonly range: ByteRange | undefined;
  readonly shared: boolean;
}

/** Waits for the lock on a file that another thread has opened. */
export function waitForFd({ fd, path, range, shared }: LockRequest, goOn: () => boolean): boolean {
  if (range === undefined) return waitFlock(fd, path, goOn, shared);
  return new RangeRequests(range).waitLock(fd, path, goOn, shared);
}

/** Releases the lock that {@linkcode waitForFd} acquired. */
export function unlockFd({ fd, path, range }: LockRequest): void {
  if (range === undefined) unlockFlock(fd, path);
  else new RangeRequests(range).unlock(fd, path);
}
