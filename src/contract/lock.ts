import type { Guard, Releasable } from "./guard.ts";
import type { AcquireOptions } from "./options.ts";
import type { Owner } from "./owner.ts";

/**
 * One holder at a time, whatever the medium. Not reentrant, not fair: a running thread may take it
 * before one that has waited for longer.
 */
export interface Lock extends Releasable {
  /**
   * Waits for the lock without blocking the thread. A wait keeps the process alive.
   *
   * @throws {DOMException} Named `TimeoutError`, if `options.timeout` ran out.
   */
  acquire(options?: AcquireOptions): Promise<Guard>;
  /**
   * Waits for the lock and returns its guard. Blocks the thread.
   *
   * @throws {DOMException} Named `TimeoutError`, if `options.timeout` ran out.
   * @throws {DeadlockError} If the calling thread holds the lock already.
   */
  acquireSync(options?: AcquireOptions): Guard;
  /** Takes the lock if it is free; `undefined` where it is not. Never waits. */
  tryAcquire(): Guard | undefined;
  /** Who holds the lock; `undefined` if nobody does, or the lock does not know. */
  owner(): Owner | undefined;
}

/** A lock that can also be taken without a guard, for hot loops. */
export interface BareLock extends Lock {
  /**
   * Waits for the lock without making a guard. Blocks the thread. Give it back in a `finally`.
   *
   * @throws {DeadlockError} If the calling thread holds the lock already.
   */
  lock(): void;
  /**
   * Gives back what {@linkcode lock} took.
   *
   * @throws {Error} If it does not hold it, or a guard does.
   */
  unlock(): void;
}
