import type { Counter } from "../contract/counter.ts";

/**
 * Adds that are collected and written together; made by `FileCounter.batch`. Those that are not
 * written yet are lost with the process: acknowledged is what {@linkcode flush} has returned for.
 */
export class CounterBatch implements Disposable {
  readonly #counter: Counter;
  readonly #size: number;
  #count = 0;
  #sum = 0;

  /** Writes to `counter` after so many adds. */
  constructor(counter: Counter, size: number) {
    if (!Number.isSafeInteger(size) || size < 1) {
      throw new RangeError(
        `Cannot make a batch: its size must be a whole number from 1: ${String(size)}`,
      );
    }
    this.#counter = counter;
    this.#size = size;
  }

  /** What is collected and not written yet. */
  get pending(): number {
    return this.#sum;
  }

  /**
   * Adds `n` to what is collected, and writes it if that was enough.
   *
   * @param n A whole number; negative to subtract. Default: 1.
   * @throws {TypeError} If `n` is not a whole number that a number holds exactly.
   * @throws {RangeError} If the sum would leave the exact range; nothing is added.
   */
  add(n = 1): void {
    const sum = this.#sum + n;
    if (!Number.isSafeInteger(n)) {
      throw new TypeError(`Cannot add to a batch: it must be a whole number: ${String(n)}`);
    }
    if (!Number.isSafeInteger(sum)) {
      throw new RangeError("Cannot add to a batch: a number is exact up to 2^53 only");
    }
    this.#sum = sum;
    if (++this.#count >= this.#size) this.flush();
  }

  /** Writes what is collected. Where that fails, it stays collected. */
  flush(): void {
    if (this.#count === 0) return;
    this.#counter.add(this.#sum);
    this.#count = 0;
    this.#sum = 0;
  }

  /** The same as {@linkcode flush}. */
  [Symbol.dispose](): void {
    this.flush();
  }
}
