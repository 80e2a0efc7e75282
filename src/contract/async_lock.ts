import type { AsyncGuard } from "./async_guard.ts";
import type { AcquireOptions } from "./options.ts";
import type { Owner } from "./owner.ts";

/** A lock with one holder at a time, in a medium that answers later. */
export interface AsyncLock {
  /**
   * Waits for the lock. A wait keeps the process alive.
   *
   * @throws {DOMException} Named `TimeoutError`, if `options.timeout` ran out.
   */
  acquire(options?: AcquireOptions): Promise<AsyncGuard>;
  /** Acquires the lock if it is free, else returns `undefined`. Never waits for a release. */
  tryAcquire(): Promise<AsyncGuard | undefined>;
  /** The holder; `undefined` if the lock is free, or does not record its holder. */
  owner(): Promise<Owner | undefined>;
}
