import type { Owner } from "./owner.ts";

/** The method by which a guard gives its hold back; for the authors of locks. */
export const RELEASE: unique symbol = Symbol("interlock.release");

/** The method that returns the state of a guard's hold; for the authors of locks. */
export const HOLD: unique symbol = Symbol("interlock.hold");

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

/** What a guard gives back to: the lock that made it. */
export interface Releasable {
  /** Releases the hold of `guard`. Throws if it holds nothing. */
  [RELEASE](guard: Guard): void;
  /** The state of the hold of `guard`; a lock may lack this if only a release ends its holds. */
  [HOLD]?(guard: Guard): HoldState;
}

/**
 * The right to be inside a lock. Made by a lock, released once: by `using`, at the end of the
 * block, or by {@linkcode Guard.release}. It belongs to whoever has it, not to the task that
 * acquired it.
 *
 * @example
 * ```ts
 * import { Segment } from "@interlock/interlock";
 *
 * const mutex = Segment.anonymous(65536).mutex("jobs");
 * {
 *   using guard = mutex.acquireSync();
 *   console.log(guard.token); // The lock is held up to the end of the block.
 * }
 * ```
 *
 * @typeParam Token `number`, or `number | undefined` where a lock cannot always give one.
 */
export class Guard<Token extends number | undefined = number | undefined>
  implements Disposable, AsyncDisposable {
  /**
   * A fencing token: greater than that of every hold of this lock before. Whoever is handed it
   * with a write can refuse a writer that is late (M. Kleppmann, "How to do distributed locking").
   */
  readonly token: Token;
  /** Who held the lock before and died holding it, if that is known. */
  readonly previousOwner: Owner | undefined;
  /** Whether the last owner died holding the lock: what it protects may be half-written. */
  readonly recovered: boolean;

  #lock: Releasable | undefined;

  /** Made by locks; a program gets its guards from `acquire`, `acquireSync` and `tryAcquire`. */
  constructor(lock: Releasable, token: Token, recovered = false, previousOwner?: Owner) {
    this.#lock = lock;
    this.token = token;
    this.recovered = recovered;
    this.previousOwner = previousOwner;
  }

  /**
   * Whether this guard holds its lock now: false once it was released, the lock was closed, an
   * upgrade failed, or another owner is seen to hold the lock.
   */
  get held(): boolean {
    const lock = this.#lock;
    return lock !== undefined && stateOf(lock, this) === "held";
  }

  /**
   * Releases the lock.
   *
   * @throws {Error} If this guard was released before, or no longer holds its lock.
   */
  release(): void {
    const lock = this.#lock;
    if (lock === undefined) throw new Error("Cannot release a guard twice: it was released before");
    try {
      lock[RELEASE](this);
    } catch (error) {
      const state = stateOf(lock, this);
      if (state === "lost" || state === "ended") this.#lock = undefined; // This says so.
      throw error;
    }
    this.#lock = undefined;
  }

  /**
   * Releases the lock, unless {@linkcode Guard.release} did so before, or the lock has ended the
   * hold and the program knows, as by `close()`.
   */
  [Symbol.dispose](): void {
    const lock = this.#lock;
    if (lock === undefined) return;
    try {
      this.release();
    } catch (error) {
      // Only a release that failed needs to look at the state.
      if (stateOf(lock, this) !== "ended") throw error;
    }
  }

  /** The same as `Symbol.dispose`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    this[Symbol.dispose]();
    return Promise.resolve();
  }
}

function stateOf(lock: Releasable, guard: Guard): HoldState {
  return lock[HOLD]?.(guard) ?? "held";
}
