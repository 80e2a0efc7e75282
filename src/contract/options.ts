/** How long to wait for a lock. */
export interface AcquireOptions {
  /**
   * Milliseconds to wait at most; `0` tries once, `Infinity` waits for as long as it takes.
   *
   * @default {Infinity}
   */
  timeout?: number;
  /**
   * Gives up with the signal's reason. A synchronous wait looks at it before it begins and
   * between its slices of sleep; only another thread can abort it meanwhile.
   */
  signal?: AbortSignal;
}

/**
 * The end of a wait on the monotonic clock of `performance.now()`, computed once.
 *
 * @throws {TypeError} If the timeout is not a number.
 * @throws {RangeError} If the timeout is negative or NaN.
 */
export function deadlineOf(options: AcquireOptions | undefined): number {
  const timeout = options?.timeout;
  if (timeout === undefined) return Infinity;
  if (typeof timeout !== "number") {
    throw new TypeError(`Cannot wait: timeout must be a number of milliseconds: ${typeof timeout}`);
  }
  if (!(timeout >= 0)) {
    throw new RangeError(`Cannot wait: timeout must be 0 or more milliseconds: ${timeout}`);
  }
  return performance.now() + timeout;
}
