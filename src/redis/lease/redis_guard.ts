import type { AsyncGuard, AsyncSharableGuard } from "../../contract/async_guard.ts";
import type { AcquireOptions } from "../../contract/options.ts";
import type { PlatformAbortSignal } from "../../contract/platform.ts";

/**
 * The right to be inside a lock or semaphore on a server, while its lease is renewed. No such lock
 * can promise that no other client is inside: a process that was stopped learns of the loss when it
 * goes on, perhaps in the middle of a write. So watch {@linkcode RedisGuard.signal}, and pass
 * {@linkcode RedisGuard.token} to the resource, which must reject a token smaller than one it has
 * seen.
 *
 * @typeParam Token `number`, or `number | undefined` if a hold may be shared.
 */
export interface RedisGuard<Token extends number | undefined = number | undefined>
  extends AsyncGuard<Token> {
  /** A fencing token, greater than that of every earlier hold; `undefined` while it is shared. */
  readonly token: Token;
  /** Whether this guard was not released, and its lease has certainly not ended yet. */
  readonly held: boolean;
  /**
   * For how many milliseconds the lease lasts unless it is renewed; `0` if it is not held. If the
   * release of another holder has granted the lock, this is at most a quarter of `leaseTime` until
   * the first renewal, which is sent at once.
   */
  readonly left: number;
  /**
   * Aborts with a `LockLostError` before the lease can end, by the clock of this machine; also if
   * the server says that it does not have the hold any more, or the lock or semaphore is closed. A
   * release does not abort it, unless it is an `early` one that fails.
   */
  readonly signal: PlatformAbortSignal;
  /**
   * Releases the lock. Settles within three seconds, also if the server does not answer; after an
   * upgrade or a downgrade that is under way.
   *
   * @throws {LockLostError} If the lock was lost before, or closed: another client may have been
   * inside.
   * @throws {Error} If this guard was released before.
   * @throws {UnreachableError} If the server was not reached; the hold ends with its lease.
   * @throws {TypeError} If an option is of a wrong type.
   */
  release(options?: RedisReleaseOptions): Promise<void>;
}

/** Options for `RedisGuard.release`. */
export interface RedisReleaseOptions {
  /**
   * Whether to resolve without waiting for the server's answer: the lock may still be held for a
   * moment, and it is not known yet whether it was lost before. A failure aborts
   * {@linkcode RedisGuard.signal} with a `LockLostError`. `close` waits for the answer.
   *
   * @default {false}
   */
  early?: boolean;
}

/** The guard of a `RedisLock`, which several holders can share. */
export interface RedisSharableGuard extends RedisGuard, AsyncSharableGuard {
  /** See {@linkcode RedisGuard.release}. */
  release(options?: RedisReleaseOptions): Promise<void>;
  /**
   * Makes a shared hold exclusive, in place if no other holder shares the lock. Otherwise the hold
   * is given up and the exclusive lock waited for. All guards of a reentrant hold change together.
   *
   * In place, the lock is not released, so it overtakes the waiters. With several servers, it is in
   * place if at a majority of them no other holder shares the lock.
   *
   * @returns Whether the lock was held without a gap. If not, another holder may have been inside
   * in between: read again what was read before.
   * @throws {LockLostError} If the upgrade failed: nothing is held any more. Its `cause` is the
   * reason, such as a `TimeoutError`.
   * @throws {RefusedError | MisconfiguredError | UnsupportedError} If the one server refused it:
   * the hold is still shared.
   * @throws {Error} If this guard holds no shared lock.
   */
  upgrade(options?: AcquireOptions): Promise<boolean>;
  /**
   * Makes an exclusive hold shared, without a gap, and wakes waiters that want to share. Its token
   * is then `undefined`. All guards of a reentrant hold change together; with `localHandOff`, the
   * hold is no longer handed on.
   *
   * @throws {LockLostError} If the hold was lost before, or it is unknown whether it was changed:
   * nothing is held any more.
   * @throws {RefusedError | MisconfiguredError | UnsupportedError} If the one server refused it:
   * the hold is still exclusive.
   * @throws {Error} If this guard holds no exclusive lock.
   */
  downgrade(): Promise<void>;
  /**
   * Gives the hold up without a release, so that another process can continue it by
   * `lock.attach(ticket)`. The server keeps it for one more lease; if it is not attached by then,
   * it counts as the hold of a dead holder. This guard neither renews nor releases it any more.
   *
   * @returns A ticket: a string to send to the other process. It can be attached once.
   * @throws {LockLostError} If the hold was lost before, or it is unknown whether it was detached:
   * nothing is held any more.
   * @throws {RefusedError | MisconfiguredError | UnsupportedError} If the server refused it, or the
   * lock has several servers: the hold goes on.
   * @throws {Error} If this guard was released before, or other guards of a reentrant lock have the
   * hold as well.
   */
  detach(): Promise<string>;
}
