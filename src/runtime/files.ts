import { adapter } from "./adapter.ts";
import { EEXIST, errno, systemError } from "./errno.ts";
import { libc } from "./libc.ts";

// The values of Linux on x64 and arm64 alike where they are used here.
const O_CREAT = 0o100;
const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;
const AT_EMPTY_PATH = 0x1000;
const STATX_BASIC_STATS = 0x7ff;
const S_IFMT = 0o170000;
const S_IFREG = 0o100000;

/** `open(2)` flags; close-on-exec is always added. */
export const O_RDONLY = 0;
/** For writing only. */
export const O_WRONLY = 1;
/** For reading and writing. */
export const O_RDWR = 2;
/** Empties the file. */
export const O_TRUNC = 0o1000;
/** Refuses a symbolic link at the end of the path. */
export const O_NOFOLLOW: number = adapter.arch === "arm64" ? 0o100000 : 0o400000;
export { O_CREAT };

const encoder = new TextEncoder();

/** A path as C wants it. Throws a `TypeError` for one with a NUL inside. */
export function pathBytes(path: string): Uint8Array {
  if (typeof path !== "string" || path === "" || path.includes("\0")) {
    throw new TypeError(
      `Cannot use a path: it must be a string, not empty and without NUL: ${JSON.stringify(path)}`,
    );
  }
  return encoder.encode(path + "\0");
}

/** What `statx(2)` says of an open file. */
export interface FileStatus {
  readonly isFile: boolean;
  readonly size: number;
}

/**
 * Opens a file and returns its descriptor, which is closed on exec and never a wait for a pipe's
 * other end. `bytes` is the path as C wants it, where the caller has it already.
 */
export function openFile(
  path: string,
  flags: number,
  mode = 0o600,
  bytes: Uint8Array = pathBytes(path),
): number {
  const fd = libc.open(bytes, flags | O_CLOEXEC | O_NONBLOCK, mode);
  if (fd < 0) throw systemError("open", path, errno());
  return fd;
}

/** Closes a descriptor. */
export function closeFile(fd: number): void {
  libc.close(fd);
}

/** Whether a descriptor is a regular file, and its size in bytes. */
export function statusOf(fd: number, path: string): FileStatus {
  const status = new Uint8Array(256);
  const empty = new Uint8Array(1);
  if (libc.statx(fd, empty, AT_EMPTY_PATH, STATX_BASIC_STATS, status) !== 0) {
    throw systemError("look at", path, errno());
  }
  const view = new DataView(status.buffer);
  return {
    isFile: (view.getUint16(28, true) & S_IFMT) === S_IFREG,
    size: Number(view.getBigUint64(40, true)),
  };
}

/** Opens (creates) a regular file for reading and writing; refuses links, pipes and folders. */
export function openRegularFile(path: string): number {
  const fd = openFile(path, O_RDWR | O_CREAT | O_NOFOLLOW);
  try {
    if (statusOf(fd, path).isFile) return fd;
  } catch (error) {
    closeFile(fd);
    throw error;
  }
  closeFile(fd);
  throw new TypeError(`Cannot use "${path}": it is not a regular file`);
}

/** Makes a file at least `size` bytes long, with the space reserved. */
export function reserve(fd: number, path: string, size: number): void {
  const failure = libc.posix_fallocate(fd, 0, size);
  if (failure !== 0) throw systemError(`reserve ${size} bytes in`, path, failure);
}

/** Makes a directory for this user alone, unless it is there. */
export function makeDirectory(path: string): void {
  if (libc.mkdir(pathBytes(path), 0o700) === 0) return;
  const failure = errno();
  if (failure !== EEXIST) throw systemError("make the folder", path, failure);
}
