import type { PlatformAbortSignal } from "./platform.ts";

/** How long to wait for a lock. */
export interface AcquireOptions {
  /**
   * Milliseconds to wait at most; `0` tries once, `Infinity` waits for as long as it takes.
   *
   * @default {Infinity}
   */
  timeout?: number;
  /**
   * Gives up with the signal's reason. It cannot end a synchronous wait of its own thread, not even
   * `AbortSignal.timeout`, since no other code of the thread runs meanwhile: use `timeout` there. A
   * synchronous wait looks at it before it begins and each time that it wakes, at least every 50
   * ms.
   */
  signal?: PlatformAbortSignal;
}

const NONE: AcquireOptions = Object.freeze({});

/**
 * Throws unless `options` is `undefined` or an object whose `timeout` and `signal` are usable.
 *
 * @param what What the options are for, such as "acquire a mutex".
 * @returns What was checked. A wait must use this: a getter may give something else the next time.
 * @throws {TypeError} If the options, the timeout or the signal are of a wrong type.
 * @throws {RangeError} If the timeout is negative or NaN.
 */
export function checkAcquireOptions(options: unknown, what = "wait"): AcquireOptions {
  if (options === undefined) return NONE;
  if (typeof options !== "object" || options === null) {
    throw new TypeError(`Cannot ${what}: options must be an object, not ${nameOf(options)}`);
  }
  const { timeout, signal } = options as AcquireOptions;
  if (timeout !== undefined) checkTimeout(timeout, what);
  if (signal !== undefined && !isSignal(signal)) {
    throw new TypeError(`Cannot ${what}: signal must be an AbortSignal, not ${nameOf(signal)}`);
  }
  return { timeout, signal };
}

function checkTimeout(timeout: unknown, what: string): void {
  if (typeof timeout !== "number") {
    throw new TypeError(
      `Cannot ${what}: timeout must be a number of milliseconds, not ${nameOf(timeout)}`,
    );
  }
  if (!(timeout >= 0)) {
    throw new RangeError(
      `Cannot ${what}: timeout must be 0 or more milliseconds (given ${timeout})`,
    );
  }
}

/** Whether a value is an `AbortSignal`, also of another realm, such as the DOM of a test runner. */
function isSignal(value: unknown): boolean {
  if (value instanceof AbortSignal) return true;
  const signal = value as Partial<AbortSignal> | null;
  return typeof signal === "object" && signal !== null && typeof signal.aborted === "boolean" &&
    typeof signal.throwIfAborted === "function" && typeof signal.addEventListener === "function" &&
    typeof signal.removeEventListener === "function";
}

/** A value in a few words, for the message of a `TypeError`. */
export function nameOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "object") {
    return Array.isArray(value) ? "an array" : "an object of another kind";
  }
  return typeof value === "function" ? "a function" : `the ${typeof value} ${String(value)}`;
}

/** Whether a wait with these options, which were checked, may end without what it waits for. */
export function isTimed(options: AcquireOptions | undefined): boolean {
  return options !== undefined &&
    ((options.timeout ?? Infinity) !== Infinity || options.signal !== undefined);
}
