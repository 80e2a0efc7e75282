import type { AsyncGuard } from "../contract/async_lock.ts";
import type { Owner } from "../contract/owner.ts";
import type { Lease } from "./lease.ts";

/** What a {@linkcode RedisGuard} gives back to. */
export interface GuardedHold {
  /** The lease under which it is held. */
  readonly lease: Lease;
  /** Gives one guard's share of it back; rejects where it was lost. */
  giveBack(): Promise<void>;
}

/**
 * The right to be inside a lock on a server, for as long as its lease is renewed. No such lock can
 * promise that nobody else is inside: a process that is stopped learns of the loss when it goes
 * on, and may be in the middle of a write. So watch {@linkcode RedisGuard.signal}, and hand
 * {@linkcode RedisGuard.token} to what you write to, which must refuse a token that is smaller than
 * one it has seen.
 */
export class RedisGuard implements AsyncGuard {
  readonly token: number | undefined;
  readonly recovered: boolean;
  readonly previousOwner: Owner | undefined;
  readonly #hold: GuardedHold;
  #released = false;

  /** Made by locks; a program gets its guards from `acquire` and `tryAcquire`. */
  constructor(hold: GuardedHold, token?: number, recovered = false, previousOwner?: Owner) {
    this.#hold = hold;
    this.token = token;
    this.recovered = recovered;
    this.previousOwner = previousOwner;
  }

  /** Whether this guard was not released, and its lease is certain to go on now. */
  get held(): boolean {
    return !this.#released && this.#hold.lease.isOn;
  }

  /**
   * Aborts with a `LockLostError` before the lease can end without this guard, by the clock of this
   * machine; also when the server says that it does not have it any more. Not when it is released.
   */
  get signal(): AbortSignal {
    return this.#hold.lease.signal;
  }

  /** Milliseconds that are left of the lease, unless it is renewed; look before what takes long. */
  get left(): number {
    return this.held ? this.#hold.lease.left : 0;
  }

  /**
   * Releases the lock.
   *
   * @throws {LockLostError} If the lock was lost before: somebody else may have been inside.
   * @throws {Error} If this guard was released before; or the server was not reached, which ends
   * the hold when its lease does.
   */
  async release(): Promise<void> {
    if (this.#released) throw new Error("Cannot release a guard twice: it was released before");
    this.#released = true;
    await this.#hold.giveBack();
  }

  /** Releases the lock unless {@linkcode RedisGuard.release} or the lock's `close` did so before. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { isOn, lost } = this.#hold.lease;
    if (!this.#released && (isOn || lost !== undefined)) await this.release();
  }
}
