/**
 * Paths as strings and as bytes. A path of Linux or macOS is bytes, of any encoding, so the library
 * has an internal form for it: UTF-8 becomes text, and a byte that is not UTF-8 becomes a lone
 * surrogate, U+DC80 to U+DCFF. No text contains one, so every path has one form, and two paths
 * never have the same. After PEP 383, "Non-decodable Bytes in System Character Interfaces".
 *
 * @module
 */

import { nameOf } from "../../contract/options.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The code unit of byte 0 in the internal form; bytes that are not UTF-8 are 0x80 and more. */
const ESCAPED = 0xdc00;
const LONE_SURROGATES = /[\ud800-\udfff]/gu;

/**
 * The path itself, which a program gave as a string.
 *
 * @throws {TypeError} If the system would read the path as another one: it is empty, or has a NUL
 * or a lone surrogate.
 */
export function checkPath(path: string): string {
  if (typeof path !== "string") {
    throw new TypeError(`Cannot use a path: it must be a string, not ${nameOf(path)}`);
  }
  if (path === "" || path.includes("\0") || !path.isWellFormed()) {
    throw new TypeError(
      `Cannot use the path ${
        JSON.stringify(path)
      }: it must not be empty, and must be without NUL and ` +
        "lone surrogates",
    );
  }
  return path;
}

/** The internal form of a path that the system gave, in bytes up to a NUL. */
export function pathOf(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  const path = end < 0 ? bytes : bytes.subarray(0, end);
  try {
    return decoder.decode(path);
  } catch {
    return withEscapes(path);
  }
}

/** Whether a path in the internal form is UTF-8, as all text is. */
export function isUtf8(path: string): boolean {
  return path.isWellFormed();
}

/**
 * A path in the internal form, as C needs it: its bytes and a NUL.
 *
 * @throws {TypeError} If it is empty, or has a NUL or a lone surrogate that stands for no byte.
 */
export function pathBytes(path: string): Uint8Array {
  if (typeof path !== "string" || path === "" || path.includes("\0")) checkPath(path);
  return path.isWellFormed() ? encoder.encode(`${path}\0`) : withoutEscapes(path);
}

/**
 * Text for the system that is no path, such as an argument of a program: its bytes and a NUL.
 *
 * @throws {TypeError} If it has a NUL, or a lone surrogate that stands for no byte.
 */
export function systemBytes(text: string): Uint8Array {
  return text === "" ? Uint8Array.of(0) : pathBytes(text);
}

/** A path in quotes for a message, a byte that is not UTF-8 as `\xE9`. */
export function quotePath(path: string): string {
  const text = path.replace(
    LONE_SURROGATES,
    (unit) => `\\x${(unit.charCodeAt(0) & 0xff).toString(16).toUpperCase()}`,
  );
  return `"${text}"`;
}

/** How many bytes the character has that begins with `byte`, if it is UTF-8. */
function lengthBy(byte: number): number {
  return byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
}

/** Decodes bytes that are not all UTF-8. */
function withEscapes(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length;) {
    const byte = bytes[at];
    if (byte < 0x80) {
      text += String.fromCharCode(byte);
      at++;
      continue;
    }
    try {
      const character = bytes.subarray(at, at + lengthBy(byte));
      text += decoder.decode(character);
      at += character.length;
    } catch {
      text += String.fromCharCode(ESCAPED + byte);
      at++;
    }
  }
  return text;
}

/** Encodes a path that is not all UTF-8. */
function withoutEscapes(path: string): Uint8Array {
  const bytes: number[] = [];
  for (const character of path) {
    const byte = character.charCodeAt(0) - ESCAPED;
    if (character.isWellFormed()) bytes.push(...encoder.encode(character));
    else if (byte >= 0x80 && byte <= 0xff) bytes.push(byte);
    else checkPath(path);
  }
  return Uint8Array.of(...bytes, 0);
}
