import type { AtomicOperations } from "./atomic_operations.ts";

/** Reads a part of a record that begins at `at`. */
type Read<T> = (atomics: AtomicOperations, at: number) => T;

/** A field that is not there. */
const NONE: readonly [string, Read<unknown>] = ["", () => undefined];

/**
 * Makes a function that reads fields into a plain object.
 *
 * Engines see one shape at each of these assignments, as long as a program reads records of one
 * description. With a loop, V8 takes four times as long. Code for each description (`new Function`)
 * is not allowed everywhere.
 */
export function readerOf(
  fields: readonly (readonly [string, Read<unknown>])[],
): Read<Record<string, unknown>> {
  const [a, b = NONE, c = NONE, d = NONE, e = NONE, f = NONE, ...rest] = fields;
  const [[nameA, readA], [nameB, readB], [nameC, readC]] = [a, b, c];
  const [[nameD, readD], [nameE, readE], [nameF, readF]] = [d, e, f];
  const { length } = fields;
  function Value(this: Record<string, unknown>, atomics: AtomicOperations, at: number) {
    this[nameA] = readA(atomics, at);
    if (length > 1) this[nameB] = readB(atomics, at);
    if (length > 2) this[nameC] = readC(atomics, at);
    if (length > 3) this[nameD] = readD(atomics, at);
    if (length > 4) this[nameE] = readE(atomics, at);
    if (length > 5) this[nameF] = readF(atomics, at);
    for (const [name, read] of rest) this[name] = read(atomics, at);
  }
  Value.prototype = Object.prototype; // So the objects are plain ones.
  // SAFETY: a function that is not an arrow constructs.
  const Plain = Value as unknown as new (
    ...of: Parameters<Read<unknown>>
  ) => Record<string, unknown>;
  return (atomics, at) => new Plain(atomics, at);
}
