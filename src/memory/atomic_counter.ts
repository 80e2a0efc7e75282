import type { ExchangeCounter } from "../contract/exchange_counter.ts";
import { nameOf } from "../contract/options.ts";
import { type Memory, regionOf } from "./memory.ts";
import type { Region } from "./region.ts";

/**
 * A counter in shared memory: one 64-bit word, one atomic step for each operation. Exact for whole
 * numbers up to 2^53, beyond which it throws and keeps its value.
 *
 * If one thread sets the counter to a value within 2^31 of the limit, or gets it there by one add of
 * 2^31 or more, at the moment in which another one adds to it, the sum may be beyond 2^53. So do not
 * both set and add there.
 *
 * @example
 * ```ts
 * import { AtomicCounter, Memory } from "@interlock/interlock";
 *
 * const counter = new AtomicCounter(Memory.anonymous(128), 0);
 * counter.add(5);
 * console.log(counter.fetchAdd()); // 5: a ticket that no other caller gets
 * console.log(counter.value); // 6
 * console.log(counter.fetchMax(100)); // 6: the value before; now it is 100
 * console.log(counter.exchange(0)); // 100
 * ```
 */
export class AtomicCounter implements ExchangeCounter {
  /** Bytes to reserve for a counter, so that its neighbours do not slow it down. */
  static readonly BYTES = 128;

  readonly #region: Region;
  readonly #at: number;

  /**
   * The counter at `offset`.
   *
   * @throws {RangeError} If `offset` is outside of the memory or not a multiple of 8.
   * @throws {TypeError} If an argument is of a wrong type.
   */
  constructor(memory: Memory, offset: number) {
    this.#region = regionOf(memory, "a counter");
    this.#at = this.#region.resolve(offset, 8, 8);
  }

  /**
   * Adds `n`.
   *
   * @param n A whole number; negative to subtract. Default: 1.
   * @throws {TypeError} If `n` is not a whole number.
   * @throws {RangeError} If `n` or the sum is beyond 2^53; the value is unchanged.
   */
  add(n = 1): void {
    if (typeof n !== "number" || (n | 0) !== n) this.#fetchAddFar(n);
    else if (this.#region.atomics.add64(this.#at, n) === 0) throw this.#beyond(n);
  }

  /**
   * Adds `n` and returns the value before. As long as callers only add positive numbers, no two of
   * them get the same value. In Bun, slower than {@linkcode add} (25 ns, not 5 ns), since it makes
   * a bigint.
   *
   * @param n A whole number; negative to subtract. Default: 1.
   * @throws {TypeError} If `n` is not a whole number.
   * @throws {RangeError} If `n` or the sum is beyond 2^53; the value is unchanged.
   */
  fetchAdd(n = 1): number {
    if (typeof n !== "number" || (n | 0) !== n) return this.#fetchAddFar(n);
    const before = this.#region.atomics.fetchAdd64(this.#at, n);
    if (before !== before) throw this.#beyond(n);
    return before;
  }

  /**
   * Sets the counter to `n` if `n` is less than the value, in one step, and returns the value
   * before.
   *
   * @throws {TypeError} If `n` is not a whole number.
   * @throws {RangeError} If `n` is beyond 2^53; the value is unchanged.
   */
  fetchMin(n: number): number {
    return this.#region.atomics.min64(this.#at, wholeNumber(n));
  }

  /**
   * Sets the counter to `n` if `n` is greater than the value, in one step, and returns the value
   * before.
   *
   * @throws {TypeError} If `n` is not a whole number.
   * @throws {RangeError} If `n` is beyond 2^53; the value is unchanged.
   */
  fetchMax(n: number): number {
    return this.#region.atomics.max64(this.#at, wholeNumber(n));
  }

  /**
   * The value now.
   *
   * @throws {RangeError} If it is beyond 2^53: damaged, or set during an add near the limit.
   */
  get value(): number {
    const value = this.#region.atomics.load64(this.#at);
    if (Number.isSafeInteger(value)) return value;
    throw new RangeError(`Cannot read a counter exactly: about ${value} is beyond 2^53`);
  }

  /**
   * Sets the counter to `n`.
   *
   * @throws {TypeError} If `n` is not a whole number.
   * @throws {RangeError} If `n` is beyond 2^53; the value is unchanged.
   */
  set(n: number): void {
    this.exchange(n);
  }

  /**
   * Sets the counter to `n` and returns the value before, in one step.
   *
   * @throws {TypeError} If `n` is not a whole number.
   * @throws {RangeError} If `n` is beyond 2^53; the value is unchanged.
   */
  exchange(n: number): number {
    return this.#region.atomics.exchange64(this.#at, wholeNumber(n));
  }

  /**
   * Sets the counter to `value` if it is `expected`, in one step.
   *
   * @returns The value before: `expected` if the counter was set.
   * @throws {TypeError} If either is not a whole number.
   * @throws {RangeError} If either is beyond 2^53; the value is unchanged.
   */
  compareExchange(expected: number, value: number): number {
    const from = wholeNumber(expected);
    return this.#region.atomics.compareExchange64(this.#at, from, wholeNumber(value));
  }

  /** Adds a number that does not fit into 32 bits. */
  #fetchAddFar(n: number): number {
    const before = this.#region.atomics.fetchAddFar64(this.#at, wholeNumber(n));
    if (before !== before) throw this.#beyond(n);
    return before;
  }

  #beyond(n: number): RangeError {
    return new RangeError(
      `Cannot add ${n} to a counter: the sum is beyond 2^53. The value stays ${this.value}`,
    );
  }
}

function wholeNumber(n: number): number {
  if (Number.isSafeInteger(n)) return n;
  if (Number.isInteger(n)) throw new RangeError(`Cannot count with ${n}: it is beyond 2^53`);
  throw new TypeError(`Cannot count with ${nameOf(n)}: not a whole number`);
}
