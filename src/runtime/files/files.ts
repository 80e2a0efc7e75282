import { adapter } from "../adapters/adapter.ts";
import { EEXIST, EINTR, ENOENT, errno, interrupted, systemError } from "../c/errno.ts";
import { libc } from "../c/libc.ts";
import { pathBytes, pathOf, quotePath } from "../paths/path_bytes.ts";

// The values of Linux; the same on x64 and arm64 unless chosen by the processor.
const O_CREAT = 0o100;
const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;
const AT_EMPTY_PATH = 0x1000;
const STATX_BASIC_STATS = 0x7ff;
const S_IFMT = 0o170000;
const S_IFREG = 0o100000;
const S_IFDIR = 0o040000;
const AT_FDCWD = -100;
const AT_SYMLINK_FOLLOW = 0x400;
const AT_SYMLINK_NOFOLLOW = 0x100;

/** `open(2)` flags; close-on-exec is always added. */
export const O_RDONLY = 0;
/** For writing only. */
export const O_WRONLY = 1;
/** For reading and writing. */
export const O_RDWR = 2;
/** Empties the file. */
export const O_TRUNC = 0o1000;
/** With `O_CREAT`: refuses a file that exists. */
export const O_EXCL = 0o200;
/** Refuses a symbolic link at the end of the path. */
export const O_NOFOLLOW: number = adapter.arch === "arm64" ? 0o100000 : 0o400000;
/** Refuses anything but a folder. */
export const O_DIRECTORY: number = adapter.arch === "arm64" ? 0o40000 : 0o200000;
const O_TMPFILE = 0o20000000 | O_DIRECTORY;
export { O_CREAT };
export { checkPath, pathBytes, pathOf } from "../paths/path_bytes.ts";

/** The status of a file by statx(2). */
export interface FileStatus {
  readonly isFile: boolean;
  readonly isFolder: boolean;
  /** The permission bits, such as `0o600`. */
  readonly mode: number;
  /** The number of its owner. */
  readonly user: number;
  /** The number of its group. */
  readonly group: number;
  readonly size: number;
  /** How many names it has: 0 if it was removed while it is open. */
  readonly links: number;
  /** The same for two descriptors of one file, and for no others. */
  readonly id: string;
}

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

/** Closes a descriptor. */
export function closeFile(fd: number): void {
  libc.close(fd);
}

const status = new DataView(new ArrayBuffer(256));

/** Fills {@linkcode status}; false, with errno set, if that fails. */
function statx(fd: number, path: Uint8Array, flags: number): boolean {
  const bytes = new Uint8Array(status.buffer);
  let result: number;
  // SAFETY: a `struct statx` has 256 bytes, and `path` ends with NUL.
  do result = libc.statx(fd, path, flags, STATX_BASIC_STATS, bytes); while (interrupted(result));
  return result === 0;
}

/** Reads {@linkcode status}. */
function statusFound(): FileStatus {
  const mode = status.getUint16(28, true);
  const device = `${status.getUint32(136, true)}:${status.getUint32(140, true)}`;
  return {
    isFile: (mode & S_IFMT) === S_IFREG,
    isFolder: (mode & S_IFMT) === S_IFDIR,
    mode: mode & 0o7777,
    user: status.getUint32(20, true),
    group: status.getUint32(24, true),
    size: Number(status.getBigUint64(40, true)),
    links: status.getUint32(16, true),
    id: `${device}:${status.getBigUint64(32, true)}`,
  };
}

/** The status of an open file. */
export function statusOf(fd: number, path: string): FileStatus {
  if (!statx(fd, new Uint8Array(1), AT_EMPTY_PATH)) throw systemError("look at", path, errno());
  return statusFound();
}

/** The status of a file by its path, not following links; `undefined` if there is none. */
export function statusAt(path: string): FileStatus | undefined {
  if (statx(AT_FDCWD, pathBytes(path), AT_SYMLINK_NOFOLLOW)) return statusFound();
  const failure = errno();
  if (failure === ENOENT) return undefined;
  throw systemError("look at", path, failure);
}

/** The mode bits that let other users write; the group's bit counts if this user's group differs. */
export function writers({ group, mode }: FileStatus): number {
  return mode & (group === libc.getgid() ? 0o002 : 0o022);
}

/** The inode that a path leads to, such as a namespace in `/proc`; `undefined` if there is none. */
export function inodeOf(path: string): number | undefined {
  if (statx(AT_FDCWD, pathBytes(path), 0)) return Number(status.getBigUint64(32, true));
  const failure = errno();
  if (failure === ENOENT) return undefined;
  throw systemError("look at", path, failure);
}

/** Opens a file as {@linkcode openFile} does; `undefined` if there is none. */
export function openIfThere(path: string, flags: number): number | undefined {
  const bytes = pathBytes(path);
  const fd = libc.open(bytes, flags | O_CLOEXEC | O_NONBLOCK, 0);
  if (fd >= 0) return fd;
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

/** Makes a file at least `size` bytes long and reserves the space. */
export function reserve(fd: number, path: string, size: number): void {
  let failure: number;
  do failure = libc.posix_fallocate(fd, 0, size); while (failure === EINTR);
  if (failure !== 0) throw systemError(`reserve ${size} bytes in`, path, failure);
}

/** Creates a folder that only this user can use, unless it exists. */
export function makeDirectory(path: string): void {
  if (libc.mkdir(pathBytes(path), 0o700) === 0) return;
  const failure = errno();
  if (failure !== EEXIST) throw systemError("make the folder", path, failure);
}

/** Removes a name; false if there is none. */
export function removeFile(path: string): boolean {
  if (libc.unlink(pathBytes(path)) === 0) return true;
  const failure = errno();
  if (failure === ENOENT) return false;
  throw systemError("remove", path, failure);
}

/**
 * Creates a file without a name in a folder, for {@linkcode publish}. Until then no other process
 * can open it, and the system removes it with its descriptor. See open(2), O_TMPFILE.
 */
export function openNameless(folder: string): number {
  return openFile(folder, O_TMPFILE | O_RDWR);
}

/** Gives a nameless file its name, in one step for all readers; false if the name is taken. */
export function publish(fd: number, path: string): boolean {
  const from = pathBytes(`/proc/self/fd/${fd}`);
  if (libc.linkat(AT_FDCWD, from, AT_FDCWD, pathBytes(path), AT_SYMLINK_FOLLOW) === 0) return true;
  const failure = errno();
  if (failure === EEXIST) return false;
  throw systemError("make", path, failure);
}

/** Reads up to `bytes.length` bytes from an offset; returns how many there were. */
export function readAt(fd: number, path: string, bytes: Uint8Array, offset: number): number {
  let got: number;
  // SAFETY: pread(2) writes no more than `bytes.length` bytes.
  do got = libc.pread(fd, bytes, bytes.length, offset); while (interrupted(got));
  if (got < 0) throw systemError("read", path, errno());
  return got;
}

/**
 * Fills `bytes` from an offset, or reads up to the end of the file; returns the number of bytes. A
 * read that a signal cuts short goes on, so the end of the file costs one more call.
 */
export function readAllAt(fd: number, path: string, bytes: Uint8Array, offset: number): number {
  let length = 0;
  while (length < bytes.length) {
    const got = readAt(fd, path, bytes.subarray(length), offset + length);
    if (got === 0) break;
    length += got;
  }
  return length;
}

/** Writes all of `bytes` at an offset. */
export function writeAt(fd: number, path: string, bytes: Uint8Array, offset: number): void {
  let written: number;
  // SAFETY: pwrite(2) reads no more than `bytes.length` bytes.
  do written = libc.pwrite(fd, bytes, bytes.length, offset); while (interrupted(written));
  if (written < 0) throw systemError("write", path, errno());
  // A full file system writes a part, and reports the reason at the next call.
  if (written < bytes.length) writeAt(fd, path, bytes.subarray(written), offset + written);
}

/** The names in a folder, by getdents64(2), without `.` and `..`. */
export function namesIn(folder: string): string[] {
  const fd = openFile(folder, O_RDONLY | O_DIRECTORY);
  const names: string[] = [];
  const entries = new Uint8Array(32768);
  const view = new DataView(entries.buffer);
  try {
    for (;;) {
      // SAFETY: the system writes whole entries within `entries.length` bytes, each with its length.
      const length = libc.getdents64(fd, entries, entries.length);
      if (length < 0) throw systemError("list", folder, errno());
      if (length === 0) return names;
      for (let at = 0; at < length; at += view.getUint16(at + 16, true)) {
        const name = pathOf(entries.subarray(at + 19, at + view.getUint16(at + 16, true)));
        if (name !== "." && name !== "..") names.push(name);
      }
    }
  } finally {
    closeFile(fd);
  }
}
