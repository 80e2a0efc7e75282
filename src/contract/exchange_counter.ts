import type { Counter } from "./counter.ts";

/**
 * A counter whose value is one word, so that it can be replaced in one step. A sum of several parts
 * cannot.
 */
export interface ExchangeCounter extends Counter {
  /**
   * Sets the counter to `n`.
   *
   * @param n A whole number within 2^53.
   * @throws {TypeError} If `n` is not a whole number.
   * @throws {RangeError} If `n` is beyond 2^53; the value is unchanged.
   */
  set(n: number): void;
  /**
   * Adds `n`.
   *
   * @param n A whole number; negative to subtract. Default: 1.
   * @returns The value before.
   * @throws {TypeError} If `n` is not a whole number.
   * @throws {RangeError} If `n` or the sum is beyond 2^53; the value is unchanged.
   */
  fetchAdd(n?: number): number;
  /**
   * Sets the counter to `n` if `n` is less than the value, in one step.
   *
   * @returns The value before.
   * @throws {TypeError} If `n` is not a whole number.
   * @throws {RangeError} If `n` is beyond 2^53; the value is unchanged.
   */
  fetchMin(n: number): number;
  /**
   * Sets the counter to `n` if `n` is greater than the value, in one step.
   *
   * @returns The value before.
   * @throws {TypeError} If `n` is not a whole number.
   * @throws {RangeError} If `n` is beyond 2^53; the value is unchanged.
   */
  fetchMax(n: number): number;
  /**
   * Sets the counter to `n`, in one step with reading the value before.
   *
   * @returns The value before.
   * @throws {TypeError} If `n` is not a whole number.
   * @throws {RangeError} If `n` is beyond 2^53; the value is unchanged.
   */
  exchange(n: number): number;
  /**
   * Sets the counter to `value` if it is `expected`, in one step.
   *
   * @returns The value before: `expected` if the counter was set.
   * @throws {TypeError} If either is not a whole number.
   * @throws {RangeError} If either is beyond 2^53; the value is unchanged.
   */
  compareExchange(expected: number, value: number): number;
}
