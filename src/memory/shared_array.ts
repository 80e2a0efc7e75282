import type { Memory } from "./memory.ts";
import { Mutex } from "./mutex.ts";
import { RawArray } from "./raw_array.ts";

/**
 * 32-bit integers in shared memory with a lock of their own, like `multiprocessing.Array` of
 * Python. The lock is for the caller to take around what must be one step.
 *
 * @example
 * ```ts
 * import { Memory, SharedArray } from "@interlock/interlock";
 *
 * const array = new SharedArray(Memory.anonymous(1024), 0, 10);
 * array.mutex.lock();
 * try {
 *   array.cells.set(3, array.cells.get(3) + 1);
 * } finally {
 *   array.mutex.unlock();
 * }
 * ```
 */
export class SharedArray {
  /** The lock of the whole array. */
  readonly mutex: Mutex;
  /** The integers. */
  readonly cells: RawArray;

  /** The bytes that one of `length` integers takes up. */
  static bytes(length: number): number {
    return Mutex.BYTES + Math.ceil(length / 32) * 128;
  }

  /**
   * The array at `offset`, its lock first.
   *
   * @throws {RangeError} If it does not fit, or `offset` is not a multiple of 4.
   */
  constructor(memory: Memory, offset: number, length: number) {
    this.mutex = new Mutex(memory, offset);
    this.cells = new RawArray(memory, offset + Mutex.BYTES, length);
  }
}
