import { SegmentFormatError } from "../contract/errors.ts";
import { ELOOP, ENXIO } from "../runtime/errno.ts";
import {
  closeFile,
  makeDirectory,
  namesIn,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_RDONLY,
  openFile,
  openIfThere,
  readAt,
  statusOf,
} from "../runtime/files.ts";
import { userId } from "../runtime/identity.ts";
import { flawOf, HEADER } from "./layout.ts";

/** Where the segments of this user are. */
export function homeOfSegments(): string {
  const shared = openIfThere("/dev/shm", O_RDONLY | O_DIRECTORY);
  if (shared === undefined) return `/tmp/interlock-${userId()}`;
  closeFile(shared);
  return `/dev/shm/interlock-${userId()}`;
}

/**
 * Makes the folder where it is missing, for this user alone.
 *
 * @throws {SegmentFormatError} If others may use it, or it belongs to somebody else.
 */
export function prepareHome(folder: string): void {
  makeDirectory(folder);
  const fd = openFile(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  try {
    const { user, mode } = statusOf(fd, folder);
    const flaw = user !== userId()
      ? `it belongs to user ${user}`
      : (mode & 0o077) !== 0
      ? `others may use it: its mode is ${mode.toString(8)}`
      : undefined;
    if (flaw === undefined) return;
    throw new SegmentFormatError(
      `Cannot keep segments in "${folder}": ${flaw}. Remove it, or name another directory`,
    );
  } finally {
    closeFile(fd);
  }
}

/**
 * The names and room of the memories in a folder; none if there is no folder.
 *
 * @throws {Error} With the `code` of the system, if the folder or a file in it cannot be read.
 */
export function memoriesIn(folder: string): { name: string; size: number }[] {
  const fd = openIfThere(folder, O_RDONLY | O_DIRECTORY);
  if (fd === undefined) return [];
  closeFile(fd);
  return namesIn(folder).flatMap((name) => {
    const size = sizeOf(`${folder}/${name}`);
    return size === undefined ? [] : [{ name, size }];
  }).sort((a, b) => a.name < b.name ? -1 : 1);
}

/** `undefined` for one that was removed meanwhile, or cannot be a memory. */
function openFileOf(path: string): number | undefined {
  try {
    return openIfThere(path, O_RDONLY | O_NOFOLLOW);
  } catch (error) {
    const { errno } = error as { errno?: number };
    if (errno === ELOOP || errno === ENXIO) return undefined; // A link; a socket, a device.
    throw error;
  }
}

function sizeOf(path: string): number | undefined {
  const fd = openFileOf(path);
  if (fd === undefined) return undefined;
  try {
    const { isFile, size } = statusOf(fd, path);
    if (!isFile) return undefined;
    const header = new Uint8Array(HEADER.boot);
    const got = readAt(fd, path, header, 0);
    return flawOf(header.subarray(0, got), size) === undefined ? size - HEADER.end : undefined;
  } finally {
    closeFile(fd);
  }
}
