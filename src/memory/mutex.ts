import { DeadlockError, timeoutError } from "../contract/errors.ts";
import { Guard, type Releasable, RELEASE } from "../contract/guard.ts";
import { type AcquireOptions, deadlineOf } from "../contract/options.ts";
import type { Memory } from "./memory.ts";

const WAITERS = 0x80000000 | 0;
/** Looks at a held word before sleeping: about 1 us, the time of a short critical section. */
const SPINS = 100;

/**
 * A mutual exclusion lock in shared memory: one futex word, with its holder in it.
 *
 * | word               | meaning                            | leaves by                         |
 * | ------------------ | ---------------------------------- | --------------------------------- |
 * | `0`                | free                               | compare-and-swap to `me`          |
 * | `holder`           | held, nobody sleeps                | holder: to `0`; a waiter: sets bit 31 |
 * | `holder`, bit 31   | held, somebody may sleep           | holder: to `0`, then wakes one    |
 *
 * A waiter that slept takes the word with bit 31 set, since others may still sleep: at worst one
 * wake too many, never one too few. The lock is not fair: a running thread may take it before one
 * that was woken. After the futex mutexes of U. Drepper, "Futexes Are Tricky" (2011).
 *
 * A holder that dies does not release it yet.
 *
 * @example
 * ```ts
 * import { Memory, Mutex } from "@interlock/interlock";
 *
 * const memory = Memory.anonymous(256);
 * const mutex = new Mutex(memory, 0);
 * {
 *   using _guard = mutex.acquireSync({ timeout: 1000 });
 * }
 * mutex.lock(); // In hot loops: no object is made.
 * try {
 *   // ...
 * } finally {
 *   mutex.unlock();
 * }
 * ```
 */
export class Mutex implements Releasable {
  /** Bytes to set aside for one, so that neighbours do not slow it down. */
  static readonly BYTES = 128;

  readonly #memory: Memory;
  readonly #at: number;
  readonly #me: number;

  /**
   * The mutex at `offset`; all zeros is a free one.
   *
   * @throws {RangeError} If `offset` is outside of the memory or not a multiple of 4.
   */
  constructor(memory: Memory, offset: number) {
    this.#at = memory.place(offset, 4, 4);
    this.#memory = memory;
    this.#me = memory.identity;
  }

  /** Who holds it: the number of a thread, see `Memory.identity`; `undefined` if it is free. */
  owner(): number | undefined {
    const holder = this.#memory.atomic.load32(this.#at) & ~WAITERS;
    return holder === 0 ? undefined : holder;
  }

  /** Waits for the lock. Blocks the thread. */
  lock(): void {
    if (this.#memory.atomic.tryLock(this.#at, this.#me, SPINS) === 0) {
      this.#wait(Infinity, undefined);
    }
  }

  /**
   * Releases the lock.
   *
   * @throws {Error} If this thread does not hold it.
   */
  unlock(): void {
    const state = this.#memory.atomic.unlock(this.#at, this.#me);
    if (state === 0) return;
    if (state === 2) throw this.#notHeld();
    this.#memory.wake(this.#at, 1);
  }

  /** Releases the hold of a guard. */
  [RELEASE](): void {
    this.unlock();
  }

  /** Takes the lock if it is free. */
  tryAcquire(): Guard | undefined {
    return this.#memory.atomic.tryLock(this.#at, this.#me, 0) === 1
      ? new Guard(this, 0)
      : undefined;
  }

  /**
   * Waits for the lock and returns its guard. Blocks the thread.
   *
   * @throws {DOMException} Named `TimeoutError`, if the timeout ran out.
   * @throws {DeadlockError} If this thread holds the lock already.
   */
  acquireSync(options?: AcquireOptions): Guard {
    const deadline = options === undefined ? Infinity : deadlineOf(options);
    options?.signal?.throwIfAborted();
    if (this.#memory.atomic.tryLock(this.#at, this.#me, SPINS) === 0) {
      this.#wait(deadline, options?.signal);
    }
    return new Guard(this, 0);
  }

  #wait(deadline: number, signal: AbortSignal | undefined): void {
    const { atomic } = this.#memory;
    const at = this.#at;
    if (this.owner() === this.#me) {
      throw new DeadlockError(
        "Cannot wait for a mutex: this thread holds it, so it would for ever",
      );
    }
    for (;;) {
      const word = atomic.load32(at);
      if (word === 0) {
        if (atomic.compareExchange32(at, 0, this.#me | WAITERS) === 0) return;
        continue;
      }
      const left = deadline - performance.now();
      if (left <= 0) {
        throw timeoutError(
          `Cannot acquire a mutex in time: thread ${word & ~WAITERS} of its memory holds it`,
        );
      }
      signal?.throwIfAborted();
      const marked = word | WAITERS;
      if (word !== marked && atomic.compareExchange32(at, word, marked) !== word) continue;
      this.#memory.wait(at, marked, left);
    }
  }

  #notHeld(): Error {
    const holder = this.owner();
    return new Error(
      `Cannot unlock a mutex that this thread does not hold: ` +
        (holder === undefined ? "it is free" : `thread ${holder} of its memory holds it`),
    );
  }
}
