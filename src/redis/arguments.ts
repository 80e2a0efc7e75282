/** Shows a wrong argument in an error, without the contents of an object. Never throws. */
export function show(value: unknown): string {
  switch (typeof value) {
    case "string":
      return JSON.stringify(value.length > 100 ? `${value.slice(0, 100)}...` : value);
    case "bigint":
      return `${value}n`;
    case "function":
      return "a function";
    case "object":
      return value === null ? "null" : Array.isArray(value) ? "an array" : "an object";
    default:
      return String(value);
  }
}

/**
 * Checks an object of options, of which all may be missing.
 *
 * @param what What cannot be done without them, to follow "Cannot".
 * @throws {TypeError} If it is not an object.
 */
export function checkOptions(what: string, options: unknown): void {
  if (options === undefined) return;
  if (typeof options === "object" && options !== null && !Array.isArray(options)) return;
  throw new TypeError(`Cannot ${what}: the options must be an object: ${show(options)}`);
}

/**
 * Checks a yes or no.
 *
 * @throws {TypeError} If it is neither `true` nor `false`.
 */
export function checkFlag(what: string, name: string, value: unknown): asserts value is boolean {
  if (typeof value === "boolean") return;
  throw new TypeError(`Cannot ${what}: ${name} must be true or false: ${show(value)}`);
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
    throw new TypeError(`Cannot ${what}: ${name} must be a number: ${show(value)}`);
  }
  if (value >= least && value <= most) return;
  throw new RangeError(`Cannot ${what}: ${name} must be from ${least} to ${most}: ${value}`);
}
