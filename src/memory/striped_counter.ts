import type { Counter } from "../contract/counter.ts";
import { nameOf } from "../contract/options.ts";
import { AtomicCounter } from "./atomic_counter.ts";
import { attachmentOf, type Memory } from "./memory.ts";

const MAX = BigInt(Number.MAX_SAFE_INTEGER);

/**
 * A counter for heavy contention: each thread adds to its own cell, 128 bytes from the next, and a
 * read sums the cells. A sum that is read while other threads add may never have been the value at
 * any one moment. After `LongAdder` of D. Lea.
 *
 * @example
 * ```ts
 * import { Memory, StripedCounter } from "@interlock/interlock";
 *
 * const counter = new StripedCounter(Memory.anonymous(StripedCounter.bytes(4)), 0, 4);
 * counter.add();
 * console.log(counter.value); // 1
 * ```
 */
export class StripedCounter implements Counter {
  readonly #cells: readonly AtomicCounter[];
  readonly #mine: AtomicCounter;

  /**
   * The bytes that a counter of `stripes` cells takes.
   *
   * @throws {TypeError} If `stripes` is not a number.
   * @throws {RangeError} If `stripes` is not a positive whole number.
   */
  static bytes(stripes: number): number {
    if (typeof stripes !== "number") {
      throw new TypeError(
        `Cannot make a striped counter of ${nameOf(stripes)} stripes: not a number`,
      );
    }
    if (!Number.isInteger(stripes) || stripes < 1) {
      throw new RangeError(
        `Cannot make a striped counter of ${stripes} stripes: not a positive whole number`,
      );
    }
    return stripes * AtomicCounter.BYTES;
  }

  /**
   * The counter of `stripes` cells at `offset`. All threads that share it must give the same
   * number.
   *
   * @param stripe The cell of this thread. Default: by the thread's number in the memory.
   * @throws {TypeError} If an argument is of a wrong type.
   * @throws {RangeError} If it does not fit, or `stripes` is not a positive whole number.
   */
  constructor(memory: Memory, offset: number, stripes: number, stripe?: number) {
    const attachment = attachmentOf(memory, "a striped counter");
    const size = StripedCounter.bytes(stripes) - AtomicCounter.BYTES + 8;
    attachment.region.resolve(offset, size, 8);
    const mine = stripe === undefined ? attachment.identity % stripes : stripe;
    if (!Number.isInteger(mine) || mine < 0 || mine >= stripes) {
      throw new RangeError(
        `Cannot use stripe ${nameOf(mine)}: it must be from 0 to ${stripes - 1}`,
      );
    }
    this.#cells = Array.from(
      { length: stripes },
      (_, i) => new AtomicCounter(memory, offset + i * AtomicCounter.BYTES),
    );
    this.#mine = this.#cells[mine];
  }

  /**
   * Adds `n` to this thread's cell.
   *
   * @param n A whole number; negative to subtract. Default: 1.
   * @throws {TypeError} If `n` is not a whole number.
   * @throws {RangeError} If `n` is beyond 2^53, or the cell would be; it is unchanged.
   */
  add(n = 1): void {
    this.#mine.add(n);
  }

  /**
   * The sum of all cells.
   *
   * @throws {RangeError} If it is beyond 2^53.
   */
  get value(): number {
    let sum = 0n; // A partial sum may be beyond 2^53.
    for (const cell of this.#cells) sum += BigInt(cell.value);
    if (sum > MAX || sum < -MAX) {
      throw new RangeError(`Cannot read a striped counter exactly: its sum ${sum} is beyond 2^53`);
    }
    return Number(sum);
  }
}
