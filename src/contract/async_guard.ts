import type { AcquireOptions } from "./options.ts";
import type { Owner } from "./owner.ts";
import type { PlatformAbortSignal, PlatformAsyncDisposable } from "./platform.ts";

/**
 * The right to be inside a lock whose medium answers later. Released once: by `await using`, at the
 * end of the block, or by {@linkcode AsyncGuard.release}. Its disposal does nothing if the guard
 * was released before, or the lock was closed.
 *
 * @typeParam Token `number`, or `number | undefined` if a lock cannot always give one.
 */
export interface AsyncGuard<Token extends number | undefined = number | undefined>
  extends PlatformAsyncDisposable<Promise<void>> {
  /**
   * A fencing token: greater than that of every earlier hold of this lock. A resource that is given
   * the token with each write can reject a stale writer.
   */
  readonly token: Token;
  /** Whether this guard still holds its lock, as far as this process can know. */
  readonly held: boolean;
  /** Whether the last owner died holding the lock, or its lease ran out. */
  readonly recovered: boolean;
  /** The owner before, if {@linkcode AsyncGuard.recovered} and it is known. */
  readonly previousOwner: Owner | undefined;
  /**
   * Aborts, with a `LockLostError`, before another holder can get the lock although this guard was
   * not released: the hold was lost, or the lock was closed.
   */
  readonly signal: PlatformAbortSignal;
  /**
   * Releases the lock.
   *
   * @throws {Error} If this guard was released before.
   * @throws {LockLostError} If the lock was lost before it was released.
   */
  release(): Promise<void>;
}

/**
 * The guard of a lock that several holders can share, in a medium that answers later.
 *
 * @typeParam Token `number`, or `number | undefined` if a lock cannot always give one.
 */
export interface AsyncSharableGuard<Token extends number | undefined = number | undefined>
  extends AsyncGuard<Token> {
  /** Whether the hold is shared now. */
  readonly shared: boolean;
  /**
   * Makes a shared hold exclusive. If others share the lock, the guard gives its hold up and waits
   * for the exclusive lock, since two holders that waited for each other would wait forever.
   *
   * @returns Whether the lock was held without a gap. If not, another holder may have been inside
   * in between: read again what was read before.
   * @throws {LockLostError} If the upgrade failed: nothing is held any more. Its `cause` is the
   * reason, such as a `TimeoutError`.
   * @throws {Error} If this guard holds no shared lock.
   */
  upgrade(options?: AcquireOptions): Promise<boolean>;
  /**
   * Makes an exclusive hold shared, without a gap.
   *
   * @throws {LockLostError} If the hold was lost before.
   * @throws {Error} If this guard holds no exclusive lock.
   */
  downgrade(): Promise<void>;
}
