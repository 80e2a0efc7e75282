/** What a guard gives back to: the lock that made it. */
export interface Releasable {
  /** Releases the lock. Throws if the calling thread does not hold it. */
  unlock(): void;
}

/**
 * The right to be inside a lock. Made by a lock, released once: by `using`, at the end of the
 * block, or by {@linkcode Guard.release}.
 *
 * @example
 * ```ts
 * import { Memory, Mutex } from "@interlock/interlock";
 *
 * const mutex = new Mutex(Memory.anonymous(128), 0);
 * {
 *   using _guard = mutex.acquireSync();
 *   // The lock is held up to the end of the block.
 * }
 * ```
 */
export class Guard implements Disposable, AsyncDisposable {
  #lock: Releasable | undefined;

  /** Made by locks; a program gets its guards from `acquireSync` and `tryAcquire`. */
  constructor(lock: Releasable) {
    this.#lock = lock;
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
    lock.unlock();
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
