import { Deadline } from "../contract/deadline.ts";
import { type AcquireOptions, checkAcquireOptions } from "../contract/options.ts";
import type { Attachment } from "./attachment.ts";
import { attachmentOf, type Memory } from "./memory.ts";
import { MAX_SLEEP, type Region } from "./region.ts";
import type { WaitRecords } from "./wait_records.ts";

const SET = 1;
const SLEEPERS = 0x80000000 | 0;
const TASKS = 0x40000000;
const ALL = 0x7fffffff;

const TASK = "wait for a flag";
const TIMEOUT_MESSAGE = "Cannot wait any longer for a flag: it was not set in time";

/**
 * A flag in shared memory that threads and tasks can wait for: Python's `multiprocessing.Event`, with
 * `isSet` for `is_set()`. A look at it costs one atomic load.
 *
 * | word         | meaning                          | leaves by                           |
 * | ------------ | -------------------------------- | ----------------------------------- |
 * | `0`          | clear, no waiter                 | set: to `1`; a waiter: sets a bit   |
 * | bit 31       | clear, some threads may sleep    | set: to `1`, then wakes all         |
 * | bit 30       | clear, some tasks may wait       | set: to `1`, increments the event   |
 * | `1`          | set                              | clear: to `0`                       |
 *
 * It contains no lock, so no thread can die holding one. If a setter dies before it wakes the
 * waiters, they are late by 50 ms at most. A waiter that dies leaves only a bit.
 *
 * @example
 * ```ts
 * import { Segment } from "@interlock/interlock";
 *
 * const stop = Segment.anonymous(65536).flag("stop");
 * setTimeout(() => stop.set(), 10); // or another thread, or another process
 * await stop.wait({ timeout: 1000 });
 * console.log(stop.isSet); // true
 * ```
 */
export class Flag {
  /** Bytes to reserve for a flag, so that its neighbours do not slow it down. */
  static readonly BYTES = 128;

  readonly #region: Region;
  readonly #attachment: Attachment;
  readonly #at: number;

  /**
   * The flag at `offset`, in 4 bytes; it begins clear.
   *
   * @throws {RangeError} If `offset` is outside of the memory or not a multiple of 4.
   * @throws {TypeError} If an argument is of a wrong type.
   */
  constructor(memory: Memory, offset: number) {
    this.#attachment = attachmentOf(memory, "a flag");
    this.#region = this.#attachment.region;
    this.#at = this.#region.resolve(offset, 4, 4);
  }

  /** Whether the flag is set. */
  get isSet(): boolean {
    return (this.#region.atomics.load32(this.#at) & SET) !== 0;
  }

  /**
   * Sets the flag and wakes all waiters. Never waits and takes no lock, so a signal handler may
   * call it.
   */
  set(): void {
    const { atomics } = this.#region;
    for (;;) {
      // Seldom repeats: one mark on the word is enough for all waiters of a kind.
      const word = atomics.load32(this.#at);
      if ((word & SET) !== 0) return;
      if (atomics.compareExchange32(this.#at, word, SET) !== word) continue;
      if ((word & SLEEPERS) !== 0) this.#region.wake(this.#at, ALL);
      if ((word & TASKS) !== 0) this.#attachment.asyncWaiters.notify(this.#at);
      return;
    }
  }

  /** Clears the flag. Waiters that have not looked since it was set may miss that it was set. */
  clear(): void {
    // If the flag is clear already, the bits of the waiters stay.
    this.#region.atomics.compareExchange32(this.#at, SET, 0);
  }

  /**
   * Waits until the flag is set, without blocking the thread. A wait keeps the process alive.
   *
   * @throws {DOMException} Named `TimeoutError`, if the timeout ran out.
   * @throws {TypeError} If the memory is closed, also during the wait.
   */
  wait(options?: AcquireOptions): Promise<void> {
    try {
      checkAcquireOptions(options, TASK).signal?.throwIfAborted();
      if (this.isSet) return Promise.resolve();
      const waiters = this.#attachment.asyncWaiters;
      // Marks the word, so that `set` counts up the event.
      if (waiters.isIdleAt(this.#at) && this.#attempt()) return Promise.resolve();
      return waiters.wait(this.#at, {
        kind: "flag",
        run: () => this.#attempt(),
        timeoutMessage: () => TIMEOUT_MESSAGE,
      }, options).then(() => {});
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Waits until the flag is set. Blocks the thread.
   *
   * @throws {DOMException} Named `TimeoutError`, if the timeout ran out.
   */
  waitSync(options?: AcquireOptions): void {
    const { atomics } = this.#region;
    const deadline = options === undefined
      ? undefined
      : new Deadline(options, () => TIMEOUT_MESSAGE, TASK);
    let record: WaitRecords | undefined;
    try {
      for (;;) {
        deadline?.throwIfAborted();
        const word = atomics.load32(this.#at);
        if ((word & SET) !== 0) return;
        const left = deadline?.left ?? Infinity;
        if (left <= 0) throw deadline!.timeout();
        const marked = word | SLEEPERS;
        if (word !== marked && atomics.compareExchange32(this.#at, word, marked) !== word) continue;
        if (record === undefined) {
          record = this.#attachment.waitRecords;
          record?.block(this.#at, { kind: "flag" });
        }
        this.#region.wait(this.#at, marked, Math.min(MAX_SLEEP, left));
      }
    } finally {
      record?.unblock();
    }
  }

  /** Whether the flag is set; if not, marks the word so that `set` notifies waiting tasks. */
  #attempt(): true | undefined {
    const { atomics } = this.#region;
    for (;;) {
      const word = atomics.load32(this.#at);
      if ((word & SET) !== 0) {
        this.#attachment.asyncWaiters.tryNext(this.#at); // All waiters can go on.
        return true;
      }
      if ((word & TASKS) !== 0) return undefined;
      if (atomics.compareExchange32(this.#at, word, word | TASKS) === word) return undefined;
    }
  }
}
