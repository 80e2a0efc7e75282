import { O_NOFOLLOW, O_RDONLY } from "../c/constants.ts";
import { EINTR, errno, interrupted, systemError } from "../c/errno.ts";
import { libc } from "../c/libc.ts";
import { quotePath } from "../paths/path_bytes.ts";
import { statusOf } from "./file_status.ts";
import { closeFile, openIfThere } from "./open_file.ts";

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

/** Writes all of `bytes` at an offset. */
export function writeAt(fd: number, path: string, bytes: Uint8Array, offset: number): void {
  let written: number;
  // SAFETY: pwrite(2) reads no more than `bytes.length` bytes.
  do written = libc.pwrite(fd, bytes, bytes.length, offset); while (interrupted(written));
  if (written < 0) throw systemError("write", path, errno());
  // A full file system writes a part, and reports the reason at the next call.
  if (written < bytes.length) writeAt(fd, path, bytes.subarray(written), offset + written);
}

/** Makes a file at least `size` bytes long and reserves the space. */
export function reserve(fd: number, path: string, size: number): void {
  let failure: number;
  do failure = libc.posix_fallocate(fd, 0, size); while (failure === EINTR);
  if (failure !== 0) throw systemError(`reserve ${size} bytes in`, path, failure);
}
