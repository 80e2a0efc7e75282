import { type AcquireOptions, checkAcquireOptions, nameOf } from "../contract/options.ts";
import { checkOptions } from "./arguments.ts";
import { LATCH } from "./layout.ts";
import { attachmentOf, type Memory } from "./memory.ts";
import type { Region } from "./region.ts";
import { type Wait, WaitWord } from "./wait_word.ts";

const TASK = "wait for a latch";
const MOST = 2 ** 30;

/** Options for `Latch`. */
export interface LatchOptions {
  /** How often it must be counted down to open, from 1 to 2^30: the same number for all users. */
  count: number;
}

/** Checks a latch's options; returns its count. */
export function countOf(options: LatchOptions): number {
  checkOptions(options, "make a latch");
  const count: unknown = options?.count;
  if (typeof count !== "number" || !Number.isInteger(count)) {
    throw new TypeError(`Cannot make a latch: count must be a whole number, not ${nameOf(count)}`);
  }
  if (count >= 1 && count <= MOST) return count;
  throw new RangeError(`Cannot make a latch: count must be from 1 to ${MOST} (given ${count})`);
}

/**
 * A latch in shared memory: threads and tasks wait until it was counted down so often. It opens once
 * and stays open. A look at it costs one atomic load.
 *
 * | arrived     | meaning                       | leaves by                                       |
 * | ----------- | ----------------------------- | ----------------------------------------------- |
 * | below count | closed, counted down so often | compare-and-swap to more                        |
 * | count       | open                          | never                                           |
 *
 * The thread that reaches the count signals the word of the waiters; see wait_word.ts. If it dies
 * before that, the waiters are late by 50 ms at most. A thread that dies before it has counted down
 * does not count: the latch stays closed.
 *
 * @example
 * ```ts
 * import { Segment } from "@interlock/interlock";
 *
 * const ready = Segment.anonymous(65536).latch("ready", { count: 2 });
 * setTimeout(() => ready.countDown(), 10); // or another thread, or another process
 * ready.countDown();
 * await ready.wait({ timeout: 1000 });
 * console.log(ready.left, ready.isOpen); // 0 true
 * ```
 */
export class Latch {
  /** Bytes to reserve for a latch, so that its neighbours do not slow it down. */
  static readonly BYTES = 128;

  /** How often it must be counted down to open. */
  readonly count: number;
  readonly #region: Region;
  readonly #arrived: number;
  readonly #word: WaitWord;
  readonly #wait: Wait<true> = {
    kind: "flag",
    run: () => this.isOpen || undefined,
    timeoutMessage: () =>
      `Cannot wait any longer for a latch: it was not counted down ${this.left} of ${this.count} ` +
      "times in time",
  };

  /**
   * The latch at `offset`; all zeros is one that was not counted down. All users must give the same
   * count. `Segment.latch` finds an offset by name.
   *
   * @throws {RangeError} If `offset` is outside of the memory or not a multiple of 8, or the count is
   * not from 1 to 2^30.
   * @throws {TypeError} If an argument is of a wrong type.
   */
  constructor(memory: Memory, offset: number, options: LatchOptions) {
    this.count = countOf(options);
    const attachment = attachmentOf(memory, "a latch");
    void attachment.identity; // A wait is recorded in the slot of the thread.
    const at = attachment.region.resolve(offset, LATCH.bytes, 8);
    this.#region = attachment.region;
    this.#arrived = at + LATCH.arrived;
    this.#word = new WaitWord(attachment, at + LATCH.word);
  }

  /** How often it must still be counted down. */
  get left(): number {
    return Math.max(0, this.count - this.#region.atomics.load32(this.#arrived));
  }

  /** Whether it is open. */
  get isOpen(): boolean {
    return this.#region.atomics.load32(this.#arrived) >= this.count;
  }

  /**
   * Counts down; opens the latch and wakes all waiters if nothing is left. Never waits.
   *
   * @param n How many times. Default: 1.
   * @throws {TypeError} If `n` is not a whole number.
   * @throws {RangeError} If `n` is not from 1 to what is left; nothing has changed.
   */
  countDown(n = 1): void {
    if (!Number.isInteger(n)) {
      throw new TypeError(`Cannot count down a latch by ${nameOf(n)}: not a whole number`);
    }
    const { atomics } = this.#region;
    for (;;) {
      const arrived = atomics.load32(this.#arrived);
      const left = this.count - arrived;
      if (n < 1 || n > left) {
        throw new RangeError(
          `Cannot count down a latch by ${n}: ` +
            (left > 0 ? `it must be from 1 to the ${left} that are left` : "it is open"),
        );
      }
      if (atomics.compareExchange32(this.#arrived, arrived, arrived + n) !== arrived) continue;
      if (n === left) this.#word.signal();
      return;
    }
  }

  /**
   * Waits until the latch is open, without blocking the thread. A wait keeps the process alive.
   *
   * @throws {DOMException} Named `TimeoutError`, if the timeout ran out.
   * @throws {TypeError} If the memory is closed, also during the wait.
   */
  async wait(options?: AcquireOptions): Promise<void> {
    const checked = checkAcquireOptions(options, TASK);
    checked.signal?.throwIfAborted();
    if (!this.isOpen) await this.#word.wait(this.#wait, checked);
  }

  /**
   * Waits until the latch is open. Blocks the thread.
   *
   * @throws {DOMException} Named `TimeoutError`, if the timeout ran out.
   */
  waitSync(options?: AcquireOptions): void {
    const checked = checkAcquireOptions(options, TASK);
    checked.signal?.throwIfAborted();
    if (!this.isOpen) this.#word.waitSync(this.#wait, checked);
  }
}
