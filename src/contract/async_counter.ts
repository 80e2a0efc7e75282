/**
 * A shared number in a medium that answers later, such as a server. Exact for whole numbers up to
 * 2^53, beyond which it rejects and keeps its value.
 */
export interface AsyncCounter {
  /**
   * Adds `n`.
   *
   * @param n A whole number; negative to subtract. Default: 1.
   * @returns The value after this add, as if those that run at the same time had run one by one.
   * @throws {TypeError} If `n` is not a whole number.
   * @throws {RangeError} If `n` or the sum is beyond 2^53; the value is unchanged.
   */
  add(n?: number): Promise<number>;
  /** The value now. */
  value(): Promise<number>;
}

/** A counter that answers later and can also be replaced in one step. */
export interface AsyncExchangeCounter extends AsyncCounter {
  /**
   * Sets the counter to `n`, in one step with the look at what it was.
   *
   * @param n A whole number within 2^53.
   * @returns The value before.
   * @throws {TypeError} If `n` is not a whole number.
   * @throws {RangeError} If `n` is beyond 2^53; the value is unchanged.
   */
  exchange(n: number): Promise<number>;
  /**
   * Sets the counter to `value` if it is `expected`, in one step.
   *
   * @param expected A whole number within 2^53.
   * @param value A whole number within 2^53.
   * @returns The value before: `expected` where the counter was set, else what it is instead.
   * @throws {TypeError} If either is not a whole number.
   * @throws {RangeError} If either is beyond 2^53; the value is unchanged.
   */
  compareExchange(expected: number, value: number): Promise<number>;
}
