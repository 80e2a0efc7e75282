import type { Memory } from "./memory.ts";

/**
 * 32-bit integers in shared memory, without a lock: each read and each write is whole, and two
 * threads that read and then write lose updates.
 */
export class RawArray {
  /** How many integers it has. */
  readonly length: number;
  readonly #memory: Memory;
  readonly #at: number;

  /**
   * The array at `offset`.
   *
   * @throws {RangeError} If it does not fit, or `offset` is not a multiple of 4.
   */
  constructor(memory: Memory, offset: number, length: number) {
    if (!Number.isInteger(length) || length < 1) {
      throw new RangeError(`Cannot make an array: not a positive whole number: ${length}`);
    }
    this.#at = memory.place(offset, length * 4, 4);
    this.#memory = memory;
    this.length = length;
  }

  /** Reads one. Throws a `RangeError` outside of the array. */
  get(index: number): number {
    return this.#memory.atomic.load32(this.#place(index));
  }

  /** Writes one, wrapped to 32 bits. Throws a `RangeError` outside of the array. */
  set(index: number, value: number): void {
    this.#memory.atomic.store32(this.#place(index), value);
  }

  #place(index: number): number {
    if (!(index >= 0 && index < this.length && Number.isInteger(index))) {
      throw new RangeError(`Cannot use index ${index}: the array has 0 to ${this.length - 1}`);
    }
    return this.#at + index * 4;
  }
}
