import { O_CLOEXEC, O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_RDWR } from "../c/constants.ts";
import { EFBIG, EINTR, ENOENT, errno, interrupted, systemError } from "../c/errno.ts";
import { libc } from "../c/libc.ts";
import { pathBytes, quotePath } from "../paths/path_bytes.ts";
import { statusOf } from "./file_status.ts";

const RLIMIT_FSIZE = 1;

/**
 * Opens a file and returns its descriptor, which is closed on exec. Never waits for the other end
 * of a pipe.
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

/** The whole contents of a regular file; `undefined` if there is no file. */
export function readFile(path: string): Uint8Array | undefined {
  const fd = openIfThere(path, O_RDONLY | O_NOFOLLOW);
  if (fd === undefined) return undefined;
  try {
    const { isFile, size } = statusOf(fd, path);
    if (!isFile) throw new TypeError(`Cannot read ${quotePath(path)}: it is not a regular file`);
    const contents = new Uint8Array(size);
    return contents.subarray(0, readAllAt(fd, path, contents, 0));
  } finally {
    closeFile(fd);
  }
}

/**
 * Writes all of `bytes` at an offset.
 *
 * @throws {Error} With the `code` of the system. A part of `bytes` may be written.
 */
export function writeAt(fd: number, path: string, bytes: Uint8Array, offset: number): void {
  let written: number;
  // SAFETY: pwrite(2) reads no more than `bytes.length` bytes.
  do written = libc.pwrite(fd, bytes, bytes.length, offset); while (interrupted(written));
  if (written < 0) throw systemError("write", path, errno());
  if (written === bytes.length) return;
  const end = offset + written;
  // The next call would end the process: the default of SIGXFSZ, which Deno does not ignore.
  if (end >= sizeLimit()) throw systemError("write", path, EFBIG);
  // A full file system writes a part, and reports the reason at the next call.
  writeAt(fd, path, bytes.subarray(written), end);
}

/** The size, in bytes, beyond which this process may not write to a file. */
function sizeLimit(): number {
  const limits = new BigUint64Array(2);
  // SAFETY: a `struct rlimit` has 16 bytes.
  const result = libc.getrlimit(RLIMIT_FSIZE, new Uint8Array(limits.buffer));
  return result === 0 ? Number(limits[0]) : Infinity;
}

/** Makes a file at least `size` bytes long and reserves the space. */
export function reserve(fd: number, path: string, size: number): void {
  let failure: number;
  do failure = libc.posix_fallocate(fd, 0, size); while (failure === EINTR);
  if (failure !== 0) throw systemError(`reserve ${size} bytes in`, path, failure);
}

/** Returns when the contents of a file are on the storage, unless the storage lies. */
export function syncData(fd: number, path: string): void {
  if (libc.fdatasync(fd) !== 0) throw systemError("make durable", path, errno());
}

const latin1 = new TextDecoder("latin1");
const utf8 = new TextDecoder();
const buffer = new Uint8Array(4096);

/** The beginning of a file of `/proc`; `undefined` if it cannot be read for any reason. */
export function readProc(path: string): string | undefined {
  const fd = tryOpen(path, O_RDONLY);
  if (fd === undefined) return undefined;
  try {
    // SAFETY: read(2) writes no more than `buffer.length` bytes.
    const length = libc.read(fd, buffer, buffer.length);
    return length < 0 ? undefined : latin1.decode(buffer.subarray(0, length));
  } finally {
    closeFile(fd);
  }
}

/** The bytes of a file of `/proc`, whose size is unknown; `undefined` if it cannot be read. */
export function bytesOfProc(path: string): Uint8Array | undefined {
  const fd = tryOpen(path, O_RDONLY);
  if (fd === undefined) return undefined;
  let bytes = new Uint8Array(16384);
  let end = 0;
  try {
    for (;;) {
      if (end === bytes.length) {
        const longer = new Uint8Array(4 * end);
        longer.set(bytes);
        bytes = longer;
      }
      // SAFETY: read(2) writes no more than the length that it is given.
      const length = libc.read(fd, bytes.subarray(end), bytes.length - end);
      if (length < 0) return undefined;
      if (length === 0) return bytes.subarray(0, end);
      end += length;
    }
  } finally {
    closeFile(fd);
  }
}

/** All of a file of `/proc` as text; `undefined` if it cannot be read. */
export function readAllOfProc(path: string): string | undefined {
  const bytes = bytesOfProc(path);
  return bytes && utf8.decode(bytes);
}
