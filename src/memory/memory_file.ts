import { SegmentFormatError } from "../contract/errors.ts";
import { EEXIST } from "../runtime/errno.ts";
import { folderOf } from "../runtime/durable.ts";
import {
  closeFile,
  O_NOFOLLOW,
  O_RDONLY,
  O_RDWR,
  openFile,
  openIfThere,
  openNameless,
  publish,
  readAt,
  reserve,
  statusOf,
  writeAt,
} from "../runtime/files.ts";
import { unlockFlock, waitFlock } from "../runtime/flock.ts";
import { userId } from "../runtime/identity.ts";
import { checkRoom } from "../runtime/mapping.ts";
import { closeEarly, closeWithThread } from "../runtime/thread_end.ts";
import { flawOf, HEADER, LONGEST, newHeader, UNIT } from "./layout.ts";

/** How long somebody may take to open a file that others wait for. In milliseconds. */
const PATIENCE = 10_000;

/**
 * The length of a memory with room for `byteLength` bytes behind the header.
 *
 * @throws {RangeError} If it is not a positive whole number, or too much for a memory.
 */
export function fileLength(byteLength: number): number {
  if (!Number.isInteger(byteLength) || byteLength <= 0) {
    throw new RangeError(
      `Cannot make a memory: its length must be a positive whole number: ${byteLength}`,
    );
  }
  const length = Math.ceil((HEADER.end + byteLength) / UNIT) * UNIT;
  if (length > LONGEST) throw tooLong("make a memory", byteLength);
  return length;
}

function tooLong(task: string, byteLength: number): RangeError {
  return new RangeError(
    `Cannot ${task} of ${byteLength} bytes: it may have ${
      LONGEST - HEADER.end
    } at most, which is ` +
      "1 GiB with its header",
  );
}

/** An open file of a memory, checked, with its creation lock held. */
export interface MemoryFile {
  readonly fd: number;
  readonly length: number;
  /** Tells it from every other file. */
  readonly id: string;
}

/** What to do where there is a file, and where there is none. */
export type OpenMode = "open-or-create" | "open" | "create";

/**
 * Opens the file of a memory, or makes it: complete before anybody sees it. The lock is for the
 * caller to release, by {@linkcode releaseMemoryFile}.
 *
 * @param byteLength The room for the caller's things; `undefined` for what the file has.
 * @throws {SegmentFormatError} If the file is not the file of a memory that this user may trust.
 * @throws {RangeError} If it has less room than asked for.
 * @throws {Error} With the `code` of the system.
 */
export function openMemoryFile(
  path: string,
  byteLength: number | undefined,
  mode: OpenMode = "open-or-create",
): MemoryFile {
  const wanted = byteLength === undefined ? 0 : fileLength(byteLength);
  for (;;) {
    const fd = mode === "create" ? undefined : openExisting(path, mode);
    if (fd === undefined) {
      if (byteLength === undefined) {
        throw new TypeError(`Cannot create "${path}": say how many bytes it is to have, as size`);
      }
      if (!create(path, wanted) && mode === "create") {
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
      if (wanted > length) {
        unlockFlock(fd, path);
        throw new RangeError(
          `Cannot open "${path}" with ${byteLength} bytes: it was made with ` +
            `${length - HEADER.end}. Remove it first, or ask for no more`,
        );
      }
      return { fd, length, id: statusOf(fd, path).id };
    } catch (error) {
      closeEarly(fd);
      throw error;
    }
  }
}

/** Gives the creation lock back and closes the descriptor; a mapping goes on without it. */
export function releaseMemoryFile({ fd }: MemoryFile, path: string): void {
  // By hand: a mapping keeps the open file description, and its lock, beyond the close.
  try {
    unlockFlock(fd, path);
  } finally {
    closeEarly(fd);
  }
}

/** Opens the file of a memory to read it, without waiting for its creation lock. */
export function openToLook(path: string): MemoryFile {
  const fd = openFile(path, O_RDONLY | O_NOFOLLOW);
  try {
    checkOwner(fd, path);
    return { fd, length: checkHeader(fd, path), id: statusOf(fd, path).id };
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

/** Makes the whole file without a name, then gives it its name; false where that was taken. */
function create(path: string, length: number): boolean {
  checkRoom(length); // First, so that no file is made that its maker cannot map.
  const fd = openNameless(folderOf(path));
  try {
    reserve(fd, path, length);
    writeAt(fd, path, newHeader(length), 0);
    writeAt(fd, path, Uint8Array.of(1), HEADER.directoryOnly);
    return publish(fd, path);
  } finally {
    closeFile(fd);
  }
}

/** Waits for the creation lock and looks at the file; `undefined` where it has no name any more. */
function lockAndCheck(fd: number, path: string): number | undefined {
  checkOwner(fd, path);
  const end = performance.now() + PATIENCE;
  if (!waitFlock(fd, path, () => performance.now() < end)) {
    throw new Error(`Cannot open "${path}": somebody has locked it for ${PATIENCE / 1000} s`);
  }
  try {
    if (statusOf(fd, path).links === 0) return undefined;
    return checkHeader(fd, path);
  } catch (error) {
    unlockFlock(fd, path);
    throw error;
  }
}

function checkOwner(fd: number, path: string): void {
  const { isFile, user, mode } = statusOf(fd, path);
  if (!isFile) throw flawed(path, "it is not a regular file");
  if (user !== userId()) throw flawed(path, `it belongs to user ${user}`);
  if ((mode & 0o077) !== 0) {
    throw flawed(path, `others may use it: its mode is ${mode.toString(8)}`);
  }
}

/** The length of the file. */
function checkHeader(fd: number, path: string): number {
  const { size } = statusOf(fd, path);
  const header = new Uint8Array(HEADER.boot);
  const got = readAt(fd, path, header, 0);
  const flaw = flawOf(header.subarray(0, got), size);
  if (flaw !== undefined) throw flawed(path, flaw);
  if (size > LONGEST) throw tooLong(`open the memory "${path}"`, size - HEADER.end);
  return size;
}

function flawed(path: string, flaw: string): SegmentFormatError {
  return new SegmentFormatError(
    `Cannot use "${path}" as shared memory: ${flaw}. It was left as it is`,
  );
}
