import type { Memory } from "./memory.ts";

/**
 * A 32-bit integer in shared memory, without a lock: each read and each write is whole, and two
 * threads that read and then write lose updates. Racy on purpose.
 */
export class RawValue {
  /** Bytes to set aside for one, so that neighbours do not slow it down. */
  static readonly BYTES = 128;

  readonly #memory: Memory;
  readonly #at: number;

  /**
   * The value at `offset`.
   *
   * @throws {RangeError} If `offset` is outside of the memory or not a multiple of 4.
   */
  constructor(memory: Memory, offset: number) {
    this.#at = memory.place(offset, 4, 4);
    this.#memory = memory;
  }

  /** The value now. */
  get value(): number {
    return this.#memory.atomic.load32(this.#at);
  }

  /** Stores a number, wrapped to 32 bits. */
  set value(value: number) {
    this.#memory.atomic.store32(this.#at, value);
  }
}
