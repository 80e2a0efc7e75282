import { checkPath } from "../paths/path_bytes.ts";
import { kernel32, windowsError } from "./kernel32.ts";
import { textOf, wideString } from "./structures.ts";

/** The longest path, in UTF-16 units, with its NUL. */
export const LONGEST_PATH = 32768;

/** The absolute path, in the extended form. */
export function fullPath(path: string): string {
  const wide = new Uint8Array(2 * LONGEST_PATH);
  // SAFETY: the length that the call gets is in units of two bytes; it writes no more.
  const length = kernel32().GetFullPathNameW(wideString(checkPath(path)), LONGEST_PATH, wide, 0);
  if (length === 0 || length >= LONGEST_PATH) {
    throw windowsError("find", path, kernel32().GetLastError());
  }
  return extendedPath(textOf(wide, length));
}

/** A full path in the form that can exceed 260 units: `\\?\C:\a`, `\\?\UNC\server\a`. */
export function extendedPath(full: string): string {
  if (/^\\\\[?.]\\/.test(full)) return full;
  return full.startsWith("\\\\") ? `\\\\?\\UNC${full.slice(1)}` : `\\\\?\\${full}`;
}

/** An extended path as people write it, unless that would lead elsewhere. */
export function shortForm(extended: string): string {
  const UNC = "\\\\?\\UNC\\";
  const short = extended.startsWith(UNC)
    ? `\\\\${extended.slice(UNC.length)}`
    : extended.slice("\\\\?\\".length);
  return fullPath(short) === extended ? short : extended;
}

/** The folders on the way to an extended path, from the first below its root. */
export function foldersTo(extended: string): string[] {
  const root = /^\\\\\?\\(UNC\\[^\\]+\\[^\\]+\\|[^\\]+\\)/.exec(extended)?.[0].length ??
    extended.length;
  const folders: string[] = [];
  for (let at = extended.indexOf("\\", root); at > 0; at = extended.indexOf("\\", at + 1)) {
    folders.push(extended.slice(0, at));
  }
  return folders;
}
