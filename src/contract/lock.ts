import type { Guard } from "./guard.ts";
import type { AcquireOptions } from "./options.ts";
import type { Owner } from "./owner.ts";

/**
 * A lock with one holder at a time, whatever the medium. Not reentrant, not fair: a running thread
 * may acquire it before one that has waited for longer.
 */
export interface Lock {
  /**
   * Waits for the lock without blocking the thread. A wait keeps the process alive.
   *
   * @throws {DOMException} Named `TimeoutError`, if `options.timeout` ran out.
   */
  acquire(options?: AcquireOptions): Promise<Guard>;
  /**
   * Waits for the lock, blocking the thread.
   *
   * @throws {DOMException} Named `TimeoutError`, if `options.timeout` ran out.
   * @throws {DeadlockError} If the calling thread holds the lock already.
   */
  acquireSync(options?: AcquireOptions): Guard;
  /** Acquires the lock if it is free, else returns `undefined`. Never waits. */
  tryAcquire(): Guard | undefined;
  /** The holder; `undefined` if the lock is free, or does not record its holder. */
  owner(): Owner | undefined;
}

/** A lock that can also be held without a guard, for hot loops. */
export interface RawLock extends Lock {
  /**
   * Runs `body` inside the lock and releases it, also if `body` throws. Blocks the thread, and
   * makes no guard.
   *
   * @returns The result of `body`.
   * @throws {TypeError} If the result is a promise or another thenable: the lock would be released
   * before it settles. Use `withLock`.
   * @throws {DeadlockError} If the calling thread holds the lock already.
   */
  runSync<T>(body: () => T): T;
  /**
   * Waits for the lock without making a guard. Blocks the thread. Release it in a `finally`.
   *
   * @throws {DeadlockError} If the calling thread holds the lock already.
   */
  lock(): void;
  /**
   * Releases what {@linkcode lock} acquired.
   *
   * @throws {Error} If it does not hold the lock, or a guard does.
   */
  unlock(): void;
}
