import type { Guard, Releasable } from "./guard.ts";
import type { AcquireOptions } from "./options.ts";

/**
 * One holder at a time, whatever the medium. Not reentrant: a holder that waits for its own lock
 * gets a `DeadlockError` where the medium can tell.
 */
export interface Lock extends Releasable {
  /**
   * Waits for the lock and returns its guard. Blocks the thread.
   *
   * @throws {DOMException} Named `TimeoutError`, if `options.timeout` ran out.
   * @throws {DeadlockError} If the calling thread holds the lock already.
   */
  acquireSync(options?: AcquireOptions): Guard;
  /** Takes the lock if it is free; `undefined` where it is not. Never waits. */
  tryAcquire(): Guard | undefined;
  /** Waits for the lock without making a guard; for hot loops, with `try` and `finally`. */
  lock(): void;
  /**
   * Gives the lock back.
   *
   * @throws {Error} If the calling thread does not hold it.
   */
  unlock(): void;
}
