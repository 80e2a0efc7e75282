/**
 * A shared number. Exact for whole numbers up to 2^53, beyond which it throws and keeps its value.
 */
export interface Counter {
  /**
   * Adds `n`.
   *
   * @param n A whole number; negative to subtract. Default: 1.
   * @throws {TypeError} If `n` is not a whole number.
   * @throws {RangeError} If `n` or the sum is beyond 2^53; the value is unchanged.
   */
  add(n?: number): void;
  /** The value now. */
  readonly value: number;
}
