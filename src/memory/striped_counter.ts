import type { Counter } from "../contract/counter.ts";
import { AtomicCounter } from "./atomic_counter.ts";
import type { Memory } from "./memory.ts";

const MAX = BigInt(Number.MAX_SAFE_INTEGER);

/**
 * A counter for heavy contention: each thread adds to a cell of its own, 128 bytes from the next,
 * and reading sums them. A sum taken while others add may be that of no single moment. After
 * `LongAdder` of D. Lea.
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
   * The bytes that a counter of so many stripes takes up.
   *
   * @throws {RangeError} If `stripes` is not a positive whole number.
   */
  static bytes(stripes: number): number {
    if (!Number.isInteger(stripes) || stripes < 1) {
      throw new RangeError(`Cannot stripe a counter: not a positive whole number: ${stripes}`);
    }
    return stripes * AtomicCounter.BYTES;
  }

  /**
   * The counter of `stripes` cells at `offset`; all who share it say the same number.
   *
   * @param stripe The cell of this thread. Default: by the thread's number in the memory.
   * @throws {RangeError} If it does not fit, or `stripes` is not a positive whole number.
   */
  constructor(
    memory: Memory,
    offset: number,
    stripes: number,
    stripe: number = memory.identity % stripes,
  ) {
    memory.place(offset, StripedCounter.bytes(stripes) - AtomicCounter.BYTES + 8, 8);
    if (!Number.isInteger(stripe) || stripe < 0 || stripe >= stripes) {
      throw new RangeError(`Cannot use stripe ${stripe}: the counter has 0 to ${stripes - 1}`);
    }
    this.#cells = Array.from(
      { length: stripes },
      (_, i) => new AtomicCounter(memory, offset + i * AtomicCounter.BYTES),
    );
    this.#mine = this.#cells[stripe];
  }

  /**
   * Adds `n` to this thread's cell.
   *
   * @throws {TypeError} If `n` is not a whole number.
   * @throws {RangeError} If `n` is beyond 2^53, or the cell would be; it is unchanged.
   */
  add(n = 1): void {
    this.#mine.add(n);
  }

  /**
   * Subtracts `n` from this thread's cell.
   *
   * @throws {TypeError} If `n` is not a whole number.
   * @throws {RangeError} If `n` is beyond 2^53, or the cell would be; it is unchanged.
   */
  subtract(n = 1): void {
    this.#mine.subtract(n);
  }

  /**
   * The sum of all cells.
   *
   * @throws {RangeError} If it is beyond 2^53.
   */
  get value(): number {
    let sum = 0n; // The way to it may lead beyond 2^53.
    for (const cell of this.#cells) sum += BigInt(cell.value);
    if (sum > MAX || sum < -MAX) {
      throw new RangeError(`Cannot read a striped counter: its sum is beyond 2^53: ${sum}`);
    }
    return Number(sum);
  }
}
