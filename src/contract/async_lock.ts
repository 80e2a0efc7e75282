import type { AcquireOptions } from "./options.ts";
import type { Owner } from "./owner.ts";

/**
 * The right to be inside a lock whose medium answers later. Released once: by `await using`, at the
 * end of the block, or by {@linkcode AsyncGuard.release}.
 *
 * @typeParam Token `number`, or `number | undefined` where a lock cannot always give one.
 */
export interface AsyncGuard<Token extends number | undefined = number | undefined>
  extends AsyncDisposable {
  /** A fencing token: greater than that of every hold of this lock before. */
  readonly token: Token;
  /** Whether this guard still holds its lock, as far as it can be known here. */
  readonly held: boolean;
  /** Aborts, with a `LockLostError`, before the lock could be another's without a release. */
  readonly signal: AbortSignal;
  /**
   * Releases the lock.
   *
   * @throws {Error} If this guard was released before.
   * @throws {LockLostError} If the lock was lost before it was released.
   */
  release(): Promise<void>;
}

/** One holder at a time, in a medium that answers later. */
export interface AsyncLock {
  /**
   * Waits for the lock. A wait keeps the process alive.
   *
   * @throws {DOMException} Named `TimeoutError`, if `options.timeout` ran out.
   */
  acquire(options?: AcquireOptions): Promise<AsyncGuard>;
  /** Takes the lock if it is free; `undefined` where it is not. Never waits for another's release. */
  tryAcquire(): Promise<AsyncGuard | undefined>;
  /** Who holds the lock; `undefined` if nobody does, or the lock does not know. */
  owner(): Promise<Owner | undefined>;
}
