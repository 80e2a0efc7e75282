import type { AcquireOptions } from "./options.ts";
import type { Owner } from "./owner.ts";
import type { PlatformAsyncDisposable, PlatformDisposable } from "./platform.ts";

/**
 * The right to be inside a lock. A lock makes one for each hold; it is released once, at the end of
 * the block by `using`, or by {@linkcode Guard.release}. It belongs to the code that has it, not to
 * the task that acquired it. Its disposal, by `using` or `await using`, does nothing if the guard
 * was released before, or if the lock has ended the hold and the program knows, as by `close()`.
 *
 * @example
 * ```ts
 * import { Segment } from "@interlock/interlock";
 *
 * const mutex = Segment.anonymous().mutex("jobs");
 * {
 *   using guard = mutex.acquireSync();
 *   console.log(guard.token); // The lock is held up to the end of the block.
 * }
 * ```
 *
 * @typeParam Token `number`, or `number | undefined` if a lock cannot always give one.
 */
export interface Guard<Token extends number | undefined = number | undefined>
  extends PlatformDisposable, PlatformAsyncDisposable<Promise<void>> {
  /**
   * A fencing token: greater than that of every earlier hold of this lock. A resource that is given
   * the token with each write can reject a stale writer (M. Kleppmann, "How to do distributed
   * locking").
   */
  readonly token: Token;
  /**
   * Whether this guard holds its lock now: false once it was released, the lock was closed, an
   * upgrade failed, or another owner holds the lock.
   */
  readonly held: boolean;
  /** Whether the last owner died holding the lock: what it protects may be half-written. */
  readonly recovered: boolean;
  /** The owner that died holding the lock, if {@linkcode Guard.recovered} and it is known. */
  readonly previousOwner: Owner | undefined;
  /**
   * Releases the lock.
   *
   * @throws {Error} If this guard was released before, or no longer holds its lock.
   */
  release(): void;
}

/**
 * The guard of a lock that several holders can share.
 *
 * @typeParam Token `number`, or `number | undefined` if a lock cannot always give one.
 */
export interface SharableGuard<Token extends number | undefined = number | undefined>
  extends Guard<Token> {
  /** Whether the hold is shared now. */
  readonly shared: boolean;
  /**
   * Makes a shared hold exclusive. If others share the lock, the guard gives its hold up and waits
   * for the exclusive lock, since two holders that waited for each other would wait forever. The
   * guard gets a token, if the lock has tokens.
   *
   * @returns Whether the lock was held without a gap. If not, another holder may have been inside
   * in between: read again what was read before.
   * @throws {LockLostError} If the upgrade failed: nothing is held any more. Its `cause` is the
   * reason, such as a `TimeoutError`. A release of the guard, also by its block, ends the wait so.
   * @throws {Error} If this guard holds no shared lock.
   */
  upgrade(options?: AcquireOptions): Promise<boolean>;
  /** The blocking version of {@linkcode SharableGuard.upgrade}. */
  upgradeSync(options?: AcquireOptions): boolean;
  /**
   * Makes an exclusive hold shared, without a gap. A shared hold has no token.
   *
   * @throws {LockLostError} If the system refused: nothing is held any more.
   * @throws {Error} If this guard holds no exclusive lock.
   */
  downgrade(): void;
}
