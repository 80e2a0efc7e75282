import type { Guard } from "./guard.ts";
import type { Owner } from "./owner.ts";
import { asyncDispose, dispose } from "./platform.ts";

/**
 * The state of the hold of a guard that was not released:
 *
 * - `held`: the guard holds the lock
 * - `waiting`: the hold was given up to wait for another one, as an upgrade does
 * - `lost`: the hold is gone, and the program may not know yet: the release of the guard throws
 * - `ended`: the lock has ended the hold and the program knows, by `close()` or by the error of an
 *   upgrade: the disposal of the guard does nothing, so that it does not hide that error
 */
export type HoldState = "held" | "waiting" | "lost" | "ended";

/** The side of a lock that only its guards see. A lock never exposes this object. */
export interface GuardedLock<G = unknown> {
  /** Releases the hold of `guard`. Throws if it holds nothing. */
  release(guard: G): void;
  /** The state of the hold of `guard`. */
  stateOf(guard: G): HoldState;
  /** Marks what the lock protects as inconsistent, if the lock can do so. */
  markInconsistent?(guard: G): void;
}

/** Changes the token of a guard, for a lock whose hold has changed its mode. */
export let setToken: (guard: LockGuard, token: number | undefined) => void;

/** Notes in a guard, for the same lock, that the owner before died holding the lock. */
export let setRecovered: (guard: LockGuard, previousOwner: Owner | undefined) => void;

/** Makes a guard tell of another hold of the same lock, which it has after a wait. */
export let renew: (
  guard: object,
  token: number,
  recovered: boolean,
  previousOwner: Owner | undefined,
) => void;

/** The guard that local locks make; see {@linkcode Guard}. */
export class LockGuard<Token extends number | undefined = number | undefined>
  implements Guard<Token> {
  #token: Token;
  #recovered: boolean;
  #previousOwner: Owner | undefined;
  #lock: GuardedLock | undefined;

  constructor(lock: GuardedLock, token: Token, recovered = false, previousOwner?: Owner) {
    this.#lock = lock;
    this.#token = token;
    this.#recovered = recovered;
    this.#previousOwner = previousOwner;
  }

  static {
    setToken = (guard, token) => guard.#token = token;
    setRecovered = (guard, previousOwner) => {
      guard.#recovered = true;
      guard.#previousOwner = previousOwner;
    };
    renew = (guard, token, recovered, previousOwner) => {
      // SAFETY: the lock has made the guard, of this class.
      const own = guard as LockGuard;
      own.#token = token;
      own.#recovered = recovered;
      own.#previousOwner = previousOwner;
    };
  }

  get token(): Token {
    return this.#token;
  }

  get recovered(): boolean {
    return this.#recovered;
  }

  get previousOwner(): Owner | undefined {
    return this.#previousOwner;
  }

  get held(): boolean {
    return this.#lock?.stateOf(this) === "held";
  }

  release(): void {
    const lock = this.#lock;
    if (lock === undefined) throw new Error("Cannot release a guard twice: it was released before");
    try {
      lock.release(this);
    } catch (error) {
      const state = lock.stateOf(this);
      if (state === "lost" || state === "ended") this.#lock = undefined; // This error says so.
      throw error;
    }
    this.#lock = undefined;
  }

  /**
   * See `MutexGuard`, whose type alone has it. It is here since a class that extends this one would
   * make the guards of a mutex slower by 7 of 19 ns.
   */
  markInconsistent(): void {
    const task = "mark what a lock protects as inconsistent";
    if (this.#lock === undefined) throw new Error(`Cannot ${task}: the guard was released`);
    if (this.#lock.markInconsistent === undefined) {
      throw new TypeError(`Cannot ${task}: only a Mutex supports that`);
    }
    this.#lock.markInconsistent(this);
  }

  [dispose](): void {
    const lock = this.#lock;
    if (lock === undefined) return;
    try {
      this.release();
    } catch (error) {
      // Only a release that failed needs to look at the state.
      if (lock.stateOf(this) !== "ended") throw error;
    }
  }

  [asyncDispose](): Promise<void> {
    this[dispose]();
    return Promise.resolve();
  }
}

// A program cannot construct a guard, not even by the constructor of one that it has.
Reflect.deleteProperty(LockGuard.prototype, "constructor");
