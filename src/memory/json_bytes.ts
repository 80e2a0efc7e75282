import { checkJson } from "../contract/json_value.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Whether a value is a `Uint8Array`, also of another realm. */
export function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array ||
    (ArrayBuffer.isView(value) && Object.prototype.toString.call(value) === "[object Uint8Array]");
}

/**
 * The JSON text of a value.
 *
 * @param task What it is for, to follow "Cannot" in an error.
 * @throws {TypeError} If JSON would change the value.
 */
export function encodeJson(value: unknown, task: string): Uint8Array {
  checkJson(value, task);
  return encoder.encode(JSON.stringify(value));
}

/** The value of a JSON text; `undefined` if it is none. */
export function decodeJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(decoder.decode(bytes));
  } catch {
    return undefined;
  }
}
