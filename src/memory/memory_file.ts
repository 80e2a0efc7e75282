import { SegmentFormatError } from "../contract/errors.ts";
import { EEXIST, ENOENT } from "../runtime/errno.ts";
import {
  closeFile,
  O_NOFOLLOW,
  O_RDWR,
  openFile,
  openNameless,
  publish,
  readAt,
  reserve,
  statusOf,
  writeAt,
} from "../runtime/files.ts";
import { unlockFlock, waitFlock } from "../runtime/flock.ts";
import { userId } from "../runtime/identity.ts";
import { PAGE } from "../runtime/mapping.ts";
import { closeEarly, closeWithThread } from "../runtime/thread_end.ts";
import { flawOf, HEADER, newHeader } from "./layout.ts";

/** How long somebody may take to open a file that others wait for. In milliseconds. */
const PATIENCE = 10_000;

/** The length of a file with room for `byteLength` bytes behind the header. */
export function fileLength(byteLength: number): number {
  return Math.ceil((HEADER.end + byteLength) / PAGE) * PAGE;
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
  for (;;) {
    const fd = mode === "create" ? undefined : openExisting(path, mode);
    if (fd === undefined) {
      if (byteLength === undefined) {
        throw new TypeError(`Cannot create "${path}": say how many bytes it is to have, as size`);
      }
      if (!create(path, fileLength(byteLength)) && mode === "create") {
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
        closeEarly(fd); // It was removed before the lock was had.
        continue;
      }
      if (byteLength !== undefined && fileLength(byteLength) > length) {
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
  unlockFlock(fd, path);
  closeEarly(fd);
}

function openExisting(path: string, mode: OpenMode): number | undefined {
  try {
    // With it goes the creation lock, if this thread is terminated while it has it.
    return closeWithThread(openFile(path, O_RDWR | O_NOFOLLOW));
  } catch (error) {
    if (mode === "open" || (error as { errno?: number }).errno !== ENOENT) throw error;
    return undefined;
  }
}

/** Makes the whole file without a name, then gives it its name; false where that was taken. */
function create(path: string, length: number): boolean {
  const folder = path.includes("/") ? path.slice(0, path.lastIndexOf("/")) || "/" : ".";
  const fd = openNameless(folder);
  try {
    reserve(fd, path, length);
    writeAt(fd, path, newHeader(length), 0);
    return publish(fd, path);
  } finally {
    closeFile(fd);
  }
}

/** Waits for the creation lock and looks at the file; `undefined` where it has no name any more. */
function lockAndCheck(fd: number, path: string): number | undefined {
  const before = statusOf(fd, path);
  if (!before.isFile) throw flawed(path, "it is not a regular file");
  if (before.user !== userId()) throw flawed(path, `it belongs to user ${before.user}`);
  if ((before.mode & 0o077) !== 0) {
    throw flawed(path, `others may use it: its mode is ${before.mode.toString(8)}`);
  }
  const end = performance.now() + PATIENCE;
  if (!waitFlock(fd, path, () => performance.now() < end)) {
    throw new Error(`Cannot open "${path}": somebody has locked it for ${PATIENCE / 1000} s`);
  }
  try {
    const { size, links } = statusOf(fd, path);
    if (links === 0) return undefined;
    const header = new Uint8Array(HEADER.boot);
    const got = readAt(fd, path, header, 0);
    const flaw = flawOf(header.subarray(0, got), size);
    if (flaw !== undefined) throw flawed(path, flaw);
    return size;
  } catch (error) {
    unlockFlock(fd, path);
    throw error;
  }
}

function flawed(path: string, flaw: string): SegmentFormatError {
  return new SegmentFormatError(
    `Cannot use "${path}" as shared memory: ${flaw}. It was left as it is`,
  );
}
