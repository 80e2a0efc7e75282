import type { Owner } from "./owner.ts";

/** The method by which a guard gives its hold back; for the authors of locks. */
export const RELEASE: unique symbol = Symbol("interlock.release");

/** What a guard gives back to: the lock that made it. */
export interface Releasable {
  /** Releases the hold of `guard`. Throws if it holds nothing. */
  [RELEASE](guard: Guard): void;
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

  /** Whether this guard still holds its lock. */
  get held(): boolean {
    return this.#lock !== undefined;
  }

  /**
   * Releases the lock.
   *
   * @throws {Error} If this guard was released before, or its lock is not held by this thread.
   */
  release(): void {
    const lock = this.#lock;
    if (lock === undefined) throw new Error("Cannot release a guard twice: it was released before");
    lock[RELEASE](this);
    this.#lock = undefined;
  }

  /** Releases the lock unless {@linkcode Guard.release} did so before. */
  [Symbol.dispose](): void {
    if (this.#lock !== undefined) this.release();
  }

  /** The same as `Symbol.dispose`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    this[Symbol.dispose]();
    return Promise.resolve();
  }
}
