import type { Counter } from "./counter.ts";

/**
 * A counter whose value is in one place, so that it can also be replaced in one step. One that
 * sums parts cannot be.
 */
export interface ExchangeCounter extends Counter {
  /**
   * Sets the counter to `n`, in one step with the look at what it was.
   *
   * @param n A whole number within 2^53.
   * @returns The value before.
   * @throws {TypeError} If `n` is not a whole number.
   * @throws {RangeError} If `n` is beyond 2^53; the value is unchanged.
   */
  exchange(n: number): number;
  /**
   * Sets the counter to `value` if it is `expected`, in one step.
   *
   * @param expected A whole number within 2^53.
   * @param value A whole number within 2^53.
   * @returns The value before: `expected` where the counter was set, else what it is instead.
   * @throws {TypeError} If either is not a whole number.
   * @throws {RangeError} If either is beyond 2^53; the value is unchanged.
   */
  compareExchange(expected: number, value: number): number;
}
