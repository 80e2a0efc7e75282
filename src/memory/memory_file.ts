import { SegmentFormatError } from "../contract/errors.ts";
import { nameOf } from "../contract/options.ts";
import { EEXIST } from "../runtime/c/errno.ts";
import { folderOf } from "../runtime/files/folders.ts";
import {
  closeFile,
  openFile,
  openIfThere,
  readAt,
  reserve,
  writeAt,
} from "../runtime/files/open_file.ts";
import { openNameless, publish } from "../runtime/files/make_file.ts";
import { statusOf } from "../runtime/files/file_status.ts";
import { O_NOFOLLOW, O_RDONLY, O_RDWR } from "../runtime/c/constants.ts";
import { unlockFlock, waitFlock } from "../runtime/file_locks/flock.ts";
import { userId } from "../runtime/identity/thread_identity.ts";
import { checkRoom } from "../runtime/files/mapping.ts";
import { closeEarly, closeWithThread } from "../runtime/threads/thread_end.ts";
import { flawOf, HEADER, ID_BYTES, lengthIn, LONGEST, newHeader, UNIT } from "./layout.ts";

/** How long to wait for the creation lock, in milliseconds. */
const CREATION_TIMEOUT = 10_000;

/**
 * The length of a memory with `size` bytes after the header.
 *
 * @throws {TypeError} If `size` is not a number.
 * @throws {RangeError} If `size` is not a positive whole number, or too much for a memory.
 */
export function fileLength(size: number): number {
  if (typeof size !== "number") {
    throw new TypeError(
      `Cannot make a memory: size must be a number of bytes, not ${nameOf(size)}`,
    );
  }
  if (!Number.isInteger(size) || size <= 0) {
    throw new RangeError(`Cannot make a memory of ${size} bytes: not a positive whole number`);
  }
  const length = Math.ceil((HEADER.end + size) / UNIT) * UNIT;
  if (length > LONGEST) throw tooLong("make a memory", size);
  return length;
}

function tooLong(task: string, size: number): RangeError {
  return new RangeError(
    `Cannot ${task} of ${size} bytes: the most is ${LONGEST - HEADER.end}, which is 1 GiB with ` +
      "the header",
  );
}

/** An open file of a memory, checked, with its creation lock held. */
export interface MemoryFile {
  readonly fd: number;
  readonly length: number;
  /** Tells the file from every other. */
  readonly id: string;
}

/** Whether a file may exist, must exist, or must not exist. */
export type OpenMode = "open-or-create" | "open" | "create";

/**
 * Checks a mode that a program gave.
 *
 * @throws {TypeError} If it is not a mode.
 */
export function checkMode(mode: OpenMode, task: string): void {
  if (mode === "open-or-create" || mode === "open" || mode === "create") return;
  throw new TypeError(
    `Cannot ${task}: mode must be "open-or-create", "open" or "create", not ${nameOf(mode)}`,
  );
}

/** The sizes in bytes of the file of a memory, without its header. */
export interface FileSize {
  /** Of a file that is created; `undefined` if none can be. */
  readonly create: number | undefined;
  /** The least size of a file that exists; `undefined` for any. */
  readonly minimum: number | undefined;
}

/**
 * Opens the file of a memory, or creates it, complete before another process sees it. The caller
 * must release the creation lock with {@linkcode releaseMemoryFile}.
 *
 * @throws {SegmentFormatError} If the file is not the file of a memory that this user can trust.
 * @throws {RangeError} If the file is smaller than the minimum.
 * @throws {Error} With the `code` of the system.
 */
export function openMemoryFile(
  path: string,
  { create, minimum }: FileSize,
  mode: OpenMode = "open-or-create",
): MemoryFile {
  const newLength = create === undefined ? undefined : fileLength(create);
  const minimumLength = minimum === undefined ? 0 : fileLength(minimum);
  for (;;) {
    const fd = mode === "create" ? undefined : openExisting(path, mode);
    if (fd === undefined) {
      if (newLength === undefined) {
        throw new TypeError(`Cannot create "${path}": give its size in bytes`);
      }
      if (!createFile(path, newLength) && mode === "create") {
        throw Object.assign(
          new Error(`Cannot create "${path}": it exists already (EEXIST)`),
          { code: "EEXIST", errno: EEXIST, path },
        );
      }
      mode = mode === "create" ? "open" : mode;
      continue;
    }
    try {
      const length = lockAndCheck(fd, path);
      if (length === undefined) {
        closeEarly(fd); // It was removed before the lock was granted.
        continue;
      }
      if (minimumLength > length) {
        unlockFlock(fd, path);
        throw new RangeError(
          `Cannot open "${path}" with ${minimum} bytes: it was made with ` +
            `${length - HEADER.end}. Remove it first, or ask for no more`,
        );
      }
      return { fd, length, id: idOf(fd, path) };
    } catch (error) {
      closeEarly(fd);
      throw error;
    }
  }
}

/** Releases the creation lock and closes the descriptor; a mapping does not need them. */
export function releaseMemoryFile({ fd }: MemoryFile, path: string): void {
  // Explicitly: a mapping keeps the open file description, and its lock, after the close.
  try {
    unlockFlock(fd, path);
  } finally {
    closeEarly(fd);
  }
}

/** Opens the file of a memory for reading, without waiting for its creation lock. */
export function openToLook(path: string): MemoryFile {
  const fd = openFile(path, O_RDONLY | O_NOFOLLOW);
  try {
    checkOwner(fd, path);
    return { fd, length: checkHeader(fd, path), id: idOf(fd, path) };
  } catch (error) {
    closeFile(fd);
    throw error;
  }
}

function openExisting(path: string, mode: OpenMode): number | undefined {
  const fd = mode === "open"
    ? openFile(path, O_RDWR | O_NOFOLLOW)
    : openIfThere(path, O_RDWR | O_NOFOLLOW);
  if (fd === undefined) return undefined;
  try {
    // If this thread is terminated, this releases the creation lock.
    return closeWithThread(fd);
  } catch (error) {
    closeFile(fd);
    throw error;
  }
}

/** Makes the whole file without a name, then names it; returns false if the name is taken. */
function createFile(path: string, length: number): boolean {
  checkRoom(length); // First: a file that this thread cannot map must not be created.
  const fd = openNameless(folderOf(path));
  try {
    reserve(fd, path, length);
    writeAt(fd, path, newHeader(length), 0);
    writeAt(fd, path, crypto.getRandomValues(new Uint8Array(ID_BYTES)), HEADER.id);
    writeAt(fd, path, Uint8Array.of(1), HEADER.directoryOnly);
    return publish(fd, path);
  } finally {
    closeFile(fd);
  }
}

/** Waits for the creation lock and checks the file; `undefined` if it was removed meanwhile. */
function lockAndCheck(fd: number, path: string): number | undefined {
  checkOwner(fd, path);
  const end = performance.now() + CREATION_TIMEOUT;
  if (!waitFlock(fd, path, () => performance.now() < end)) {
    throw new Error(
      `Cannot open "${path}": another process has locked it for ${CREATION_TIMEOUT / 1000} s`,
    );
  }
  try {
    if (statusOf(fd, path).links === 0) return undefined;
    return checkHeader(fd, path);
  } catch (error) {
    unlockFlock(fd, path);
    throw error;
  }
}

/** Tells a file from its copies by the inode, and from files that had the inode before by chance. */
function idOf(fd: number, path: string): string {
  const random = new Uint8Array(ID_BYTES);
  readAt(fd, path, random, HEADER.id);
  return `${statusOf(fd, path).id}:${random.join()}`;
}

function checkOwner(fd: number, path: string): void {
  const { isFile, user, mode } = statusOf(fd, path);
  if (!isFile) throw flawed(path, "it is not a regular file");
  if (user !== userId()) throw flawed(path, `it belongs to user ${user}`);
  if ((mode & 0o077) !== 0) {
    throw flawed(path, `other users can use it: its mode is ${mode.toString(8)}`);
  }
}

/** The length of the file. */
function checkHeader(fd: number, path: string): number {
  const { size } = statusOf(fd, path);
  const header = new Uint8Array(HEADER.checked);
  const got = readAt(fd, path, header, 0);
  const flaw = flawOf(header.subarray(0, got), size);
  if (flaw !== undefined) throw flawed(path, flaw);
  const length = lengthIn(header);
  if (length > LONGEST) throw tooLong(`open the memory "${path}"`, length - HEADER.end);
  return length;
}

function flawed(path: string, flaw: string): SegmentFormatError {
  return new SegmentFormatError(
    `Cannot use "${path}" as shared memory: ${flaw}. The file was not changed`,
  );
}
