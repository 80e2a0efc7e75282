import { UnsupportedError } from "../../contract/errors.ts";
import { nameOf } from "../../contract/options.ts";
import type { PathLike } from "../../contract/path_like.ts";
import { adapter } from "../adapters/adapter.ts";
import { checkPath, isUtf8, pathOf, quotePath } from "./path_bytes.ts";

/**
 * A path in the internal form (see path_bytes.ts), from any form that a program may give.
 *
 * @param platform The operating system, whose rules `file:` URLs follow.
 * @throws {TypeError} If it is none of these forms, a URL that is not of `file:` or names no path
 * of this machine, the text of a `file:` URL, empty, or has a NUL or (as a string) a lone
 * surrogate.
 * @throws {UnsupportedError} If it is not UTF-8 on Windows, whose paths are text.
 */
export function pathFrom(path: PathLike, platform: string = adapter.platform): string {
  if (typeof path === "string") return pathFromText(path);
  if (isBytes(path)) return pathFromBytes(path, platform);
  if (isUrl(path)) return pathFromUrl(path, platform);
  throw new TypeError(
    `Cannot use a path: it must be a string, a URL or a Uint8Array, not ${nameOf(path)}`,
  );
}

/**
 * The same for the path of a file.
 *
 * @throws {TypeError} Also if it ends with a slash, as only the path of a folder does.
 */
export function filePathFrom(path: PathLike, platform: string = adapter.platform): string {
  const found = pathFrom(path, platform);
  if (!found.endsWith("/") && !(platform === "win32" && found.endsWith("\\"))) return found;
  throw new TypeError(
    `Cannot use the path ${quotePath(found)}: it ends with a slash, so it names a folder`,
  );
}

/** Also a `Uint8Array` of another realm, such as that of a test runner. */
function isBytes(path: unknown): path is Uint8Array {
  return ArrayBuffer.isView(path) &&
    (path instanceof Uint8Array || Object.prototype.toString.call(path) === "[object Uint8Array]");
}

/** Also a `URL` of another realm. */
function isUrl(path: unknown): path is URL {
  const url = path as Partial<URL> | null;
  return typeof url === "object" && url !== null && typeof url.href === "string" &&
    typeof url.protocol === "string" && typeof url.hostname === "string" &&
    typeof url.pathname === "string";
}

function pathFromText(path: string): string {
  checkPath(path);
  if (!/^file:\/\//i.test(path)) return path;
  throw new TypeError(
    `Cannot use the path ${quotePath(path)}: it is the text of a URL. Pass new URL(...)`,
  );
}

function pathFromBytes(bytes: Uint8Array, platform: string): string {
  if (bytes.length === 0 || bytes.includes(0)) {
    throw new TypeError("Cannot use a path of bytes: it must not be empty and must not have a NUL");
  }
  // A copy, since memory that threads share cannot be decoded everywhere.
  const path = pathOf(new Uint8Array(bytes));
  if (platform !== "win32" || isUtf8(path)) return path;
  throw new UnsupportedError(
    `Cannot use the path ${quotePath(path)}: it is not UTF-8, and paths of Windows are text`,
  );
}

function pathFromUrl(url: URL, platform: string): string {
  const isWindows = platform === "win32";
  const { protocol, hostname, pathname, href } = url;
  const flaw = protocol !== "file:"
    ? "it is not a file: URL"
    : (isWindows ? /%(?:2f|5c)/i : /%2f/i).test(pathname)
    ? "it has an escaped slash"
    : isWindows
    ? hostname === "" && !/^\/[a-z]:\//i.test(pathname) &&
      "it begins with neither a drive nor a host"
    : hostname !== "" && "it names a host";
  if (flaw) throw new TypeError(`Cannot use the URL ${JSON.stringify(href)}: ${flaw}`);
  const path = pathFromBytes(unescaped(pathname), platform);
  if (!isWindows) return path;
  const native = path.replaceAll("/", "\\");
  return hostname === "" ? native.slice(1) : `\\\\${hostname}${native}`;
}

/** The bytes that the percent signs of a URL's path stand for; any other character is itself. */
function unescaped(pathname: string): Uint8Array {
  const bytes = new TextEncoder().encode(pathname);
  let length = 0;
  for (let at = 0; at < bytes.length; at++) {
    const digits = String.fromCharCode(...bytes.subarray(at + 1, at + 3));
    const isEscape = bytes[at] === 0x25 && /^[0-9a-f]{2}$/i.test(digits);
    bytes[length++] = isEscape ? parseInt(digits, 16) : bytes[at];
    if (isEscape) at += 2;
  }
  return bytes.subarray(0, length);
}

/** Whether a value has one of the forms of a path. It may still be none that the system has. */
export function isPathLike(value: unknown): value is PathLike {
  return typeof value === "string" || isBytes(value) || isUrl(value);
}
