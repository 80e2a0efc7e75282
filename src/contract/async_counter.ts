/**
 * A shared number in a medium that answers later, such as a file or a server. Exact for whole
 * numbers up to 2^53, beyond which it rejects and keeps its value.
 */
export interface AsyncCounter {
  /**
   * Adds `n`.
   *
   * @param n A whole number; negative to subtract. Default: 1.
   * @returns The value after this add, as if concurrent adds had run one by one.
   * @throws {TypeError} If `n` is not a whole number.
   * @throws {RangeError} If `n` or the sum is beyond 2^53; the value is unchanged.
   */
  add(n?: number): Promise<number>;
  /** Reads the value. */
  get(): Promise<number>;
}

/** A counter in a medium that answers later, which can also be replaced in one step. */
export interface AsyncExchangeCounter extends AsyncCounter {
  /**
   * Sets the counter to `n`.
   *
   * @throws {TypeError} If `n` is not a whole number.
   * @throws {RangeError} If `n` is beyond 2^53; the value is unchanged.
   */
  set(n: number): Promise<void>;
  /**
   * Adds `n`.
   *
   * @param n A whole number; negative to subtract. Default: 1.
   * @returns The value before.
   * @throws {TypeError} If `n` is not a whole number.
   * @throws {RangeError} If `n` or the sum is beyond 2^53; the value is unchanged.
   */
  fetchAdd(n?: number): Promise<number>;
  /**
   * Sets the counter to `n` if `n` is less than the value, in one step.
   *
   * @returns The value before.
   * @throws {TypeError} If `n` is not a whole number.
   * @throws {RangeError} If `n` is beyond 2^53; the value is unchanged.
   */
  fetchMin(n: number): Promise<number>;
  /**
   * Sets the counter to `n` if `n` is greater than the value, in one step.
   *
   * @returns The value before.
   * @throws {TypeError} If `n` is not a whole number.
   * @throws {RangeError} If `n` is beyond 2^53; the value is unchanged.
   */
  fetchMax(n: number): Promise<number>;
  /**
   * Sets the counter to `n`, in one step with reading the value before.
   *
   * @returns The value before.
   * @throws {TypeError} If `n` is not a whole number.
   * @throws {RangeError} If `n` is beyond 2^53; the value is unchanged.
   */
  exchange(n: number): Promise<number>;
  /**
   * Sets the counter to `value` if it is `expected`, in one step.
   *
   * @returns The value before: `expected` if the counter was set.
   * @throws {TypeError} If either is not a whole number.
   * @throws {RangeError} If either is beyond 2^53; the value is unchanged.
   */
  compareExchange(expected: number, value: number): Promise<number>;
}
