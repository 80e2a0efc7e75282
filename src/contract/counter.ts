/**
 * A shared number. Exact for whole numbers up to 2^53, beyond which it throws and keeps its value.
 */
export interface Counter {
  /**
   * Adds `n` and returns the value before.
   *
   * @param n A whole number; negative to subtract. Default: 1.
   * @throws {TypeError} If `n` is not a whole number.
   * @throws {RangeError} If the sum would leave the exact range; the value is unchanged.
   */
  add(n?: number): number;
  /** The value now. */
  readonly value: number;
}
