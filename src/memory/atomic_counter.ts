import type { ExchangeCounter } from "../contract/exchange_counter.ts";
import type { Memory } from "./memory.ts";

/**
 * A counter in shared memory: one 64-bit word, one atomic step an operation. Exact for whole
 * numbers up to 2^53, beyond which it throws and keeps its value.
 *
 * An add that goes beyond 2^53 takes back what it added a moment later. Whoever reads or sets the
 * counter within that moment may see the value beyond, and what it sets is off by what is taken
 * back; so a counter that is within 2^31 of the edge is not for both.
 *
 * @example
 * ```ts
 * import { AtomicCounter, Memory } from "@interlock/interlock";
 *
 * const counter = new AtomicCounter(Memory.anonymous(128), 0);
 * counter.add(5);
 * console.log(counter.fetchAdd()); // 5: a ticket that nobody else has.
 * console.log(counter.value); // 6
 * console.log(counter.max(100)); // 6: what it was; now it is 100.
 * console.log(counter.exchange(0)); // 100
 * ```
 */
export class AtomicCounter implements ExchangeCounter {
  /** Bytes to set aside for one, so that neighbours do not slow it down. */
  static readonly BYTES = 128;

  readonly #memory: Memory;
  readonly #at: number;

  /**
   * The counter at `offset`.
   *
   * @throws {RangeError} If `offset` is outside of the memory or not a multiple of 8.
   */
  constructor(memory: Memory, offset: number) {
    this.#at = memory.place(offset, 8, 8);
    this.#memory = memory;
  }

  /**
   * Adds `n`.
   *
   * @throws {TypeError} If `n` is not a whole number.
   * @throws {RangeError} If `n` or the sum is beyond 2^53; the value is unchanged.
   */
  add(n = 1): void {
    if ((n | 0) !== n) this.#fetchAddFar(n);
    else if (this.#memory.atomic.add64(this.#at, n) === 0) throw this.#beyond(n);
  }

  /**
   * Subtracts `n`.
   *
   * @throws {TypeError} If `n` is not a whole number.
   * @throws {RangeError} If `n` or the difference is beyond 2^53; the value is unchanged.
   */
  subtract(n = 1): void {
    // What is no 32-bit number is checked before it is negated, which would make a number of it.
    this.add((n | 0) === n ? -n : -wholeNumber(n));
  }

  /**
   * Adds `n` and returns the value before, which no other `fetchAdd` of a positive number
   * returns while nobody sets or subtracts. Slower than {@linkcode add} in Bun (25 ns against 5),
   * where it makes a bigint.
   *
   * @throws {TypeError} If `n` is not a whole number.
   * @throws {RangeError} If `n` or the sum is beyond 2^53; the value is unchanged.
   */
  fetchAdd(n = 1): number {
    if ((n | 0) !== n) return this.#fetchAddFar(n);
    const before = this.#memory.atomic.fetchAdd64(this.#at, n);
    if (before !== before) throw this.#beyond(n);
    return before;
  }

  /**
   * The value now.
   *
   * @throws {RangeError} If it is beyond 2^53: damaged, or set near the edge during an add.
   */
  get value(): number {
    const value = this.#memory.atomic.load64(this.#at);
    if (Number.isSafeInteger(value)) return value;
    throw new RangeError(`Cannot read a counter exactly: it is beyond 2^53: about ${value}`);
  }

  /**
   * Sets it to `n`.
   *
   * @throws {TypeError} If `n` is not a whole number.
   * @throws {RangeError} If `n` is beyond 2^53; the value is unchanged.
   */
  set(n: number): void {
    this.exchange(n);
  }

  /**
   * Sets it to `n` and returns the value before, in one step.
   *
   * @throws {TypeError} If `n` is not a whole number.
   * @throws {RangeError} If `n` is beyond 2^53; the value is unchanged.
   */
  exchange(n: number): number {
    return this.#memory.atomic.exchange64(this.#at, wholeNumber(n));
  }

  /**
   * Sets it to `value` if it is `expected`, in one step.
   *
   * @returns The value before: `expected` where it was set, else what it is instead.
   * @throws {TypeError} If either is not a whole number.
   * @throws {RangeError} If either is beyond 2^53; the value is unchanged.
   */
  compareExchange(expected: number, value: number): number {
    const [from, to] = [wholeNumber(expected), wholeNumber(value)];
    return this.#memory.atomic.compareExchange64(this.#at, from, to);
  }

  /**
   * Sets it to `n` if that is less, and returns the value before, in one step.
   *
   * @throws {TypeError} If `n` is not a whole number.
   * @throws {RangeError} If `n` is beyond 2^53; the value is unchanged.
   */
  min(n: number): number {
    return this.#memory.atomic.min64(this.#at, wholeNumber(n));
  }

  /**
   * Sets it to `n` if that is greater, and returns the value before, in one step.
   *
   * @throws {TypeError} If `n` is not a whole number.
   * @throws {RangeError} If `n` is beyond 2^53; the value is unchanged.
   */
  max(n: number): number {
    return this.#memory.atomic.max64(this.#at, wholeNumber(n));
  }

  /** Adds what does not fit into 32 bits. */
  #fetchAddFar(n: number): number {
    const before = this.#memory.atomic.fetchAddFar64(this.#at, wholeNumber(n));
    if (before !== before) throw this.#beyond(n);
    return before;
  }

  #beyond(n: number): RangeError {
    return new RangeError(
      `Cannot add ${n} to a counter: the sum is beyond 2^53, the value stays ${this.value}`,
    );
  }
}

function wholeNumber(n: number): number {
  if (Number.isSafeInteger(n)) return n;
  if (Number.isInteger(n)) throw new RangeError(`Cannot count with ${n}: it is beyond 2^53`);
  throw new TypeError(`Cannot count with ${String(n)}: not a whole number`);
}
