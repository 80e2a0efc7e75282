import { SegmentFormatError } from "../contract/errors.ts";
import type { FileAccessOptions } from "../contract/file_access.ts";
import { nameOf } from "../contract/options.ts";
import { EEXIST } from "../runtime/c/errno.ts";
import { folderOf, removeFile } from "../runtime/files/folders.ts";
import {
  closeFile,
  openFile,
  openIfThere,
  readAt,
  reserve,
  tryOpen,
  writeAt,
} from "../runtime/files/open_file.ts";
import { type FileAccess, giveAccess } from "../runtime/files/file_access.ts";
import { openNameless, publish } from "../runtime/files/make_file.ts";
import { statusOf } from "../runtime/files/file_status.ts";
import { O_NOFOLLOW, O_RDONLY, O_RDWR } from "../runtime/c/constants.ts";
import { unlockFlock, waitFlock } from "../runtime/file_locks/flock.ts";
import { checkRoom } from "../runtime/files/mapping.ts";
import { userId } from "../runtime/identity/thread_identity.ts";
import { closeEarly, closeWithThread } from "../runtime/threads/thread_end.ts";
import { flawOf, HEADER, ID_BYTES, lengthIn, LONGEST, newHeader, UNIT } from "./layout.ts";
import { flawOfFile, segmentAccessBy, withGroup } from "./segment_access.ts";

/** How long to wait for the creation lock, in milliseconds. */
const CREATION_TIMEOUT = 10_000;

/**
 * The length of a memory with `size` bytes after the header.
 *
 * @throws {TypeError} If `size` is not a number.
 * @throws {RangeError} If `size` is not a positive whole number, or too much for a memory.
 */
export function fileLength(size: number, name = "size"): number {
  if (typeof size !== "number") {
    throw new TypeError(
      `Cannot make a memory: ${name} must be a number of bytes, not ${nameOf(size)}`,
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
  /** Whether other users may write to it. */
  readonly isShared: boolean;
}

/** Options for `Memory.map`. */
export interface MapOptions extends FileAccessOptions {
  /**
   * Whether a missing file is created. `"exclusive"` also refuses a file that exists (`EEXIST`);
   * with `false`, the file must exist (`ENOENT`).
   *
   * @default {true}
   */
  create?: boolean | "exclusive";
}

/** How the file of a memory is opened. */
export interface MemoryFileOptions {
  readonly create: boolean | "exclusive";
  /** The users that the file is for; `undefined` for this user alone. */
  readonly access: FileAccess | undefined;
  /** The id of the file that may be changed; by default, any file of a memory. */
  readonly id?: string;
}

/**
 * Checks the options that a program gave.
 *
 * @throws {TypeError} If one has a wrong type.
 * @throws {RangeError} If the mode cannot be that of a memory.
 * @throws {Error} If the system does not know the group.
 */
export function memoryFileOptions(options: MapOptions, task: string): MemoryFileOptions {
  const { create = true, mode, group } = options;
  if (typeof create !== "boolean" && create !== "exclusive") {
    throw new TypeError(
      `Cannot ${task}: create must be true, false or "exclusive", not ${nameOf(create)}`,
    );
  }
  return { create, access: segmentAccessBy({ mode, group }, task) };
}

/** The sizes in bytes of the file of a memory, without its header. */
export interface FileSize {
  /** Of a file that is created; `undefined` if none can be. */
  readonly create: number | undefined;
  /** The size to which a shorter file is made longer; `undefined` for none. */
  readonly minimum: number | undefined;
  /** The size that the memory may grow to by itself; `undefined` for what the file says. */
  readonly most: number | undefined;
}

/**
 * Opens the file of a memory, or creates it, complete before another process sees it. The caller
 * must release the creation lock with {@linkcode releaseMemoryFile}.
 *
 * @throws {SegmentFormatError} If the file is not the file of a memory that this user can trust.
 * @throws {RangeError} If a size is too much for a memory, or for this thread.
 * @throws {Error} With the `code` of the system.
 */
export function openMemoryFile(
  path: string,
  { create: newSize, minimum, most }: FileSize,
  options: MemoryFileOptions,
): MemoryFile {
  const newLength = newSize === undefined ? undefined : fileLength(newSize);
  const least = minimum === undefined ? 0 : fileLength(minimum);
  const mostUnits = most === undefined ? 0 : fileLength(most, "maxSize") / UNIT;
  const access = options.access && withGroup(options.access, path);
  let { create } = options;
  for (;;) {
    const fd = create === "exclusive" ? undefined : openExisting(path, create);
    if (fd === undefined) {
      if (newLength === undefined) {
        throw new TypeError(`Cannot create "${path}": give its size in bytes`);
      }
      if (!createFile(path, newLength, mostUnits, access) && create === "exclusive") {
        throw Object.assign(
          new Error(`Cannot create "${path}": it exists already (EEXIST)`),
          { code: "EEXIST", errno: EEXIST, path },
        );
      }
      if (create === "exclusive") create = false;
      continue;
    }
    try {
      const found = lockAndCheck(fd, path, access);
      if (found === undefined) {
        closeEarly(fd); // It was removed before the lock was granted.
        continue;
      }
      const id = idOf(fd, path);
      const isShared = access !== undefined;
      if (options.id !== undefined && options.id !== id) {
        return { fd, length: found.length, id, isShared };
      }
      if (mostUnits > found.mostUnits) writeWord(fd, path, HEADER.mostUnits, mostUnits);
      if (least > found.length) lengthen(fd, path, least);
      return { fd, length: Math.max(least, found.length), id, isShared };
    } catch (error) {
      releaseMemoryFile({ fd }, path);
      throw error;
    }
  }
}

/** Releases the creation lock and closes the descriptor; a mapping does not need them. */
export function releaseMemoryFile({ fd }: Pick<MemoryFile, "fd">, path: string): void {
  // Explicitly: a mapping keeps the open file description, and its lock, after the close; and so
  // does a placeholder, if no descriptor is left.
  try {
    unlockFlock(fd, path);
  } finally {
    closeEarly(fd);
  }
}

/**
 * Opens the file of a memory for reading, without waiting for its creation lock. The file must be
 * this user's, and may be shared with other users.
 */
export function openToLook(path: string): MemoryFile {
  const fd = openFile(path, O_RDONLY | O_NOFOLLOW);
  try {
    const { user, group, mode } = statusOf(fd, path);
    checkAccess(fd, path, user === userId() ? { mode: mode & 0o777, group } : undefined);
    return { fd, length: checkHeader(fd, path).length, id: idOf(fd, path), isShared: true };
  } catch (error) {
    closeFile(fd);
    throw error;
  }
}

function openExisting(path: string, create: boolean): number | undefined {
  const fd = create ? openIfThere(path, O_RDWR | O_NOFOLLOW) : openFile(path, O_RDWR | O_NOFOLLOW);
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
function createFile(
  path: string,
  length: number,
  mostUnits: number,
  access: FileAccess | undefined,
): boolean {
  checkRoom(length); // First: a file that this thread cannot map must not be created.
  const fd = openNameless(folderOf(path));
  try {
    reserve(fd, path, length);
    writeAt(fd, path, newHeader(length), 0);
    writeAt(fd, path, crypto.getRandomValues(new Uint8Array(ID_BYTES)), HEADER.id);
    writeWord(fd, path, HEADER.directoryOnly, 1);
    writeWord(fd, path, HEADER.mostUnits, mostUnits);
    if (access !== undefined) giveAccess(fd, path, access);
    return publish(fd, path);
  } finally {
    closeFile(fd);
  }
}

/**
 * Makes a file longer, whose creation lock is held. If this process dies in between, the file is
 * longer than its header says, as it may be.
 */
function lengthen(fd: number, path: string, length: number): void {
  checkRoom(length); // First: a file that this thread cannot map must not grow.
  reserve(fd, path, length);
  writeWord(fd, path, HEADER.units, length / UNIT);
}

function writeWord(fd: number, path: string, at: number, value: number): void {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  writeAt(fd, path, bytes, at);
}

/**
 * Removes the file of a memory, and tells the threads that have it open.
 *
 * @returns Whether there was one.
 */
export function removeMemoryFile(path: string): boolean {
  // What cannot be opened can be removed: those who have it open compare it with the path as well.
  const fd = tryOpen(path, O_RDWR | O_NOFOLLOW);
  try {
    const removed = removeFile(path);
    if (fd !== undefined && removed) noteRemoved(fd, path);
    return removed;
  } finally {
    if (fd !== undefined) closeFile(fd);
  }
}

/** Notes in a memory that its file has no name any more. */
function noteRemoved(fd: number, path: string): void {
  const { isFile, size, links } = statusOf(fd, path);
  const header = new Uint8Array(HEADER.checked);
  // If another file got the name in between, it was that one that was removed.
  if (!isFile || links !== 0) return;
  const got = readAt(fd, path, header, 0);
  if (flawOf(header.subarray(0, got), size) === undefined) {
    writeWord(fd, path, HEADER.removed, 1);
  }
}

/** Waits for the creation lock and checks the file; `undefined` if it was removed meanwhile. */
function lockAndCheck(
  fd: number,
  path: string,
  access: FileAccess | undefined,
): CheckedHeader | undefined {
  checkAccess(fd, path, access);
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

/**
 * Tells a file from its copies by the inode, and from files that had the inode before by chance.
 */
function idOf(fd: number, path: string): string {
  const random = new Uint8Array(ID_BYTES);
  readAt(fd, path, random, HEADER.id);
  return `${statusOf(fd, path).id}:${random.join()}`;
}

function checkAccess(fd: number, path: string, access: FileAccess | undefined): void {
  const found = statusOf(fd, path);
  const flaw = found.isFile ? flawOfFile(found, access) : "it is not a regular file";
  if (flaw !== undefined) throw flawed(path, flaw);
}

/** What a header without a flaw says. */
interface CheckedHeader {
  readonly length: number;
  readonly mostUnits: number;
}

function checkHeader(fd: number, path: string): CheckedHeader {
  const { size } = statusOf(fd, path);
  const header = new Uint8Array(HEADER.checked);
  const got = readAt(fd, path, header, 0);
  const flaw = flawOf(header.subarray(0, got), size);
  if (flaw !== undefined) throw flawed(path, flaw);
  const length = lengthIn(header);
  if (length > LONGEST) throw tooLong(`open the memory "${path}"`, length - HEADER.end);
  return { length, mostUnits: new DataView(header.buffer).getUint32(HEADER.mostUnits, true) };
}

function flawed(path: string, flaw: string): SegmentFormatError {
  return new SegmentFormatError(
    `Cannot use "${path}" as shared memory: ${flaw}. The file was not changed`,
  );
}
