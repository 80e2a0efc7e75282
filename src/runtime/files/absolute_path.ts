import { errno, systemError } from "../c/errno.ts";
import { libc } from "../c/libc.ts";
import { pathBytes, pathOf } from "../paths/path_bytes.ts";

/** The longest path of Linux and of macOS, in bytes. */
export const LONGEST_PATH = 4096;

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
