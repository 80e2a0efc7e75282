import type { PathLike } from "../contract/path_like.ts";
import { checkPath, pathOf } from "./files.ts";

/**
 * A path as a string, from any form that a program may give.
 *
 * @throws {TypeError} If it is none of these forms, a URL that is not of `file:` or names a host,
 * the text of a `file:` URL, or not a path that the system has.
 */
export function pathFrom(path: PathLike): string {
  if (path instanceof URL) return pathFromUrl(path);
  if (path instanceof Uint8Array) return checkPath(pathOf(path));
  checkPath(path);
  if (/^file:\/\//i.test(path)) {
    throw new TypeError(
      `Cannot use the path ${JSON.stringify(path)}: it is the text of a URL; pass new URL(...)`,
    );
  }
  return path;
}

/**
 * The same for the path of a file.
 *
 * @throws {TypeError} Also if it ends with a slash, which only the path of a folder does.
 */
export function filePathFrom(path: PathLike): string {
  const text = pathFrom(path);
  if (!text.endsWith("/")) return text;
  throw new TypeError(
    `Cannot use the path ${JSON.stringify(text)}: it ends with "/", so it names a folder`,
  );
}

function pathFromUrl(url: URL): string {
  const { protocol, hostname, pathname, href } = url;
  const flaw = protocol !== "file:"
    ? "it is not a file: URL"
    : hostname !== ""
    ? "it names a host"
    : /%2f/i.test(pathname)
    ? "it has an escaped slash"
    : undefined;
  if (flaw !== undefined) {
    throw new TypeError(`Cannot use the URL ${JSON.stringify(href)}: ${flaw}`);
  }
  try {
    return checkPath(decodeURIComponent(pathname));
  } catch {
    throw new TypeError(`Cannot use the URL ${JSON.stringify(href)}: its path is not UTF-8`);
  }
}
