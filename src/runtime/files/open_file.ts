import { O_CLOEXEC, O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_RDWR } from "../c/constants.ts";
import { ENOENT, errno, systemError } from "../c/errno.ts";
import { libc } from "../c/libc.ts";
import { pathBytes, quotePath } from "../paths/path_bytes.ts";
import { statusOf } from "./file_status.ts";

/**
 * Opens a file and returns its descriptor, which is closed on exec. Never waits for the other end of
 * a pipe.
 *
 * @param bytes The path as C needs it, if the caller has it already.
 */
export function openFile(
  path: string,
  flags: number,
  mode = 0o600,
  bytes: Uint8Array = pathBytes(path),
): number {
  // SAFETY: `bytes` ends with NUL.
  const fd = libc.open(bytes, flags | O_CLOEXEC | O_NONBLOCK, mode);
  if (fd < 0) throw systemError("open", path, errno());
  return fd;
}

/** Opens a file as {@linkcode openFile} does; `undefined` if there is none. */
export function openIfThere(path: string, flags: number): number | undefined {
  const fd = tryOpen(path, flags);
  if (fd !== undefined) return fd;
  const failure = errno();
  if (failure === ENOENT) return undefined;
  throw systemError("open", path, failure);
}

/** Opens a file; `undefined`, with errno set, if the system refuses for any reason. */
export function tryOpen(path: string, flags: number): number | undefined {
  const fd = libc.open(pathBytes(path), flags | O_CLOEXEC | O_NONBLOCK, 0);
  return fd < 0 ? undefined : fd;
}

/** Opens or creates a regular file to read and write; refuses links, pipes and folders. */
export function openRegularFile(path: string): number {
  const fd = openFile(path, O_RDWR | O_CREAT | O_NOFOLLOW);
  try {
    if (statusOf(fd, path).isFile) return fd;
  } catch (error) {
    closeFile(fd);
    throw error;
  }
  closeFile(fd);
  throw new TypeError(`Cannot use ${quotePath(path)}: it is not a regular file`);
}

/** Closes a descriptor. */
export function closeFile(fd: number): void {
  libc.close(fd);
}
