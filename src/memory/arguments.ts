import { nameOf } from "../contract/options.ts";

/**
 * Checks that options are an object, or left out.
 *
 * @throws {TypeError} If they are not.
 */
export function checkOptions(options: unknown, task: string): void {
  if (options === undefined || (typeof options === "object" && options !== null)) return;
  throw new TypeError(`Cannot ${task}: options must be an object, not ${nameOf(options)}`);
}

/**
 * Checks that a program gave a function.
 *
 * @throws {TypeError} If it did not.
 */
export function checkFunction(value: unknown, task: string): void {
  if (typeof value === "function") return;
  throw new TypeError(`Cannot ${task}: the change must be a function, not ${nameOf(value)}`);
}
