import { ENOENT, errno, systemError } from "../c/errno.ts";
import { libc } from "../c/libc.ts";
import { pathBytes, pathOf, quotePath } from "../paths/path_bytes.ts";
import { statusAt } from "./file_status.ts";
import { folderOf, lastPartOf } from "./folders.ts";

/** The longest path of Linux and of macOS, in bytes. */
const LONGEST_PATH = 4096;

/**
 * The absolute path, which leads to the same file after the working directory has changed.
 *
 * @param workingDirectory Where a relative path begins, if not to be asked of Linux.
 */
export function absolutePath(
  path: string,
  workingDirectory: () => string = () => ofLinux(path),
): string {
  pathBytes(path); // Throws unless it is a path.
  return path.startsWith("/") ? path : `${workingDirectory()}/${path}`;
}

function ofLinux(path: string): string {
  const found = workingDirectoryBy(libc.getcwd);
  if (found === undefined) throw systemError("find", path, errno());
  return found;
}

/** The working directory by getcwd(3); `undefined`, with errno set, if that fails. */
export function workingDirectoryBy(
  getcwd: (bytes: Uint8Array, length: number) => number,
): string | undefined {
  const bytes = new Uint8Array(LONGEST_PATH);
  // SAFETY: getcwd(3) writes no more than the length that it is given.
  return getcwd(bytes, bytes.length) === 0 ? undefined : pathOf(bytes);
}

/**
 * The absolute path that a path leads to, with symbolic links followed. The file, and folders on
 * the way, may be missing.
 *
 * @throws {Error} With the `code` of the system; `ENOENT` for a link that leads nowhere.
 */
export function realPath(path: string): string {
  const absolute = absolutePath(path);
  const found = new Uint8Array(LONGEST_PATH);
  // SAFETY: realpath(3) writes no more than PATH_MAX bytes, which is 4096 on Linux.
  if (libc.realpath(pathBytes(absolute), found) !== 0) return pathOf(found);
  const failure = errno();
  if (failure !== ENOENT) throw systemError("open", path, failure);
  if (statusAt(absolute) !== undefined) {
    throw Object.assign(
      new Error(
        `Cannot open ${quotePath(path)}: it is a symbolic link that leads nowhere (ENOENT)`,
      ),
      { code: "ENOENT", errno: ENOENT, path },
    );
  }
  const folder = folderOf(absolute);
  return `${folder === "/" ? "" : realPath(folder)}/${lastPartOf(absolute)}`;
}
