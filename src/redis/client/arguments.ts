import { nameOf } from "../../contract/options.ts";

/**
 * Checks an object of options, of which all may be missing.
 *
 * @param what What cannot be done without them, to follow "Cannot".
 * @throws {TypeError} If it is not an object.
 */
export function checkOptions(what: string, options: unknown): void {
  if (options === undefined) return;
  if (typeof options === "object" && options !== null) return;
  throw new TypeError(`Cannot ${what}: options must be an object, not ${nameOf(options)}`);
}

/**
 * Checks a yes or no.
 *
 * @throws {TypeError} If it is neither `true` nor `false`.
 */
export function checkFlag(what: string, name: string, value: unknown): asserts value is boolean {
  if (typeof value === "boolean") return;
  throw new TypeError(`Cannot ${what}: ${name} must be true or false, not ${nameOf(value)}`);
}

/**
 * Checks a number.
 *
 * @throws {TypeError} If it is not a number.
 * @throws {RangeError} If it is not from `least` to `most`.
 */
export function checkNumber(
  what: string,
  name: string,
  value: unknown,
  least: number,
  most: number,
): asserts value is number {
  if (typeof value !== "number") {
    throw new TypeError(`Cannot ${what}: ${name} must be a number, not ${nameOf(value)}`);
  }
  if (value >= least && value <= most) return;
  throw new RangeError(`Cannot ${what}: ${name} must be from ${least} to ${most} (given ${value})`);
}
