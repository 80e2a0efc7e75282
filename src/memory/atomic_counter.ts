import type { Counter } from "../contract/counter.ts";
import type { Atomic } from "./atomics.ts";
import type { Memory } from "./memory.ts";

/**
 * A counter in shared memory: one 64-bit word, one atomic add. Exact for whole numbers up to
 * 2^53, beyond which it throws and keeps its value.
 *
 * @example
 * ```ts
 * import { AtomicCounter, Memory } from "@interlock/interlock";
 *
 * const counter = new AtomicCounter(Memory.anonymous(128), 0);
 * counter.add(5);
 * console.log(counter.value); // 5
 * ```
 */
export class AtomicCounter implements Counter {
  /** Bytes to set aside for one, so that neighbours do not slow it down. */
  static readonly BYTES = 128;

  readonly #atomic: Atomic;
  readonly #at: number;

  /**
   * The counter at `offset`.
   *
   * @throws {RangeError} If `offset` is outside of the memory or not a multiple of 8.
   */
  constructor(memory: Memory, offset: number) {
    this.#at = memory.place(offset, 8, 8);
    this.#atomic = memory.atomic;
  }

  /**
   * Adds `n` and returns the value before.
   *
   * @throws {TypeError} If `n` is not a whole number that a number holds exactly.
   * @throws {RangeError} If the sum would leave the exact range; the value is unchanged.
   */
  add(n = 1): number {
    if (!Number.isSafeInteger(n)) {
      throw new TypeError(`Cannot add to a counter: not a whole number within 2^53: ${String(n)}`);
    }
    const before = this.#atomic.add64(this.#at, n);
    if (before !== before) {
      throw new RangeError(
        `Cannot add ${n} to a counter: the sum is beyond 2^53, the value stays ${this.value}`,
      );
    }
    return before;
  }

  /** The value now. */
  get value(): number {
    return this.#atomic.load64(this.#at);
  }
}
