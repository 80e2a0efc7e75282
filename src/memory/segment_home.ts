import { SegmentFormatError } from "../contract/errors.ts";
import {
  closeFile,
  makeDirectory,
  namesIn,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_RDONLY,
  openFile,
  readAt,
  statusOf,
  tryOpen,
} from "../runtime/files.ts";
import { userId } from "../runtime/identity.ts";
import { flawOf, HEADER } from "./layout.ts";

/** Where the segments of this user are. */
export function homeOfSegments(): string {
  const shared = tryOpen("/dev/shm", O_RDONLY | O_DIRECTORY);
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

/** The names and room of the memories in a folder; none where there is no folder. */
export function memoriesIn(folder: string): { name: string; size: number }[] {
  const fd = tryOpen(folder, O_RDONLY | O_DIRECTORY);
  if (fd === undefined) return [];
  closeFile(fd);
  return namesIn(folder).flatMap((name) => {
    const size = sizeOf(`${folder}/${name}`);
    return size === undefined ? [] : [{ name, size }];
  }).sort((a, b) => a.name < b.name ? -1 : 1);
}

function sizeOf(path: string): number | undefined {
  const fd = tryOpen(path, O_RDONLY | O_NOFOLLOW);
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
