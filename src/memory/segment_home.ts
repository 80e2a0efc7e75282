import { SegmentFormatError } from "../contract/errors.ts";
import { nameOf } from "../contract/options.ts";
import type { PathLike } from "../contract/path_like.ts";
import { O_DIRECTORY, O_NOFOLLOW, O_PATH, O_RDONLY } from "../runtime/c/constants.ts";
import { ELOOP, ENXIO } from "../runtime/c/errno.ts";
import { closeFile, openFile, openIfThere, readAt } from "../runtime/files/open_file.ts";
import { type FileStatus, statusAt, statusOf, writers } from "../runtime/files/file_status.ts";
import { makeDirectory, namesIn } from "../runtime/files/folders.ts";
import { absolutePath } from "../runtime/files/absolute_path.ts";
import { userId } from "../runtime/identity/thread_identity.ts";
import { isPathLike, pathFrom } from "../runtime/paths/path_like.ts";
import { flawOf, HEADER, lengthIn } from "./layout.ts";

/** A mode bit of a folder: only the owner of a file in it can remove or rename the file. */
const STICKY = 0o1000;

/** The folder of the segments of this user. */
export function homeOfSegments(): string {
  const shared = openIfThere("/dev/shm", O_RDONLY | O_DIRECTORY);
  if (shared === undefined) return `/tmp/interlock-${userId()}`;
  closeFile(shared);
  return `/dev/shm/interlock-${userId()}`;
}

/**
 * Creates the folder if it is missing, for this user alone.
 *
 * @throws {SegmentFormatError} If other users can use it, or it belongs to another user.
 */
export function prepareHome(folder: string): void {
  makeDirectory(folder);
  checkHome(folder);
}

/**
 * Checks that the home of this user's segments is private: its name is known, so another user may
 * have created it, or a link in its place.
 *
 * @throws {SegmentFormatError} If other users can use it, or it belongs to another user.
 */
function checkHome(folder: string): void {
  checkFolder(folder, O_NOFOLLOW, ({ user, mode }) => {
    if (user !== userId()) return `it belongs to user ${user}`;
    return (mode & 0o077) === 0 ? undefined : otherUsersCan("use", mode);
  });
}

/**
 * The folder of the segments: the given one, or this user's home of segments.
 *
 * @param make Whether to create the home if it is missing.
 * @throws {TypeError} If the given one is not a path.
 * @throws {SegmentFormatError} If other users could replace files of this user.
 */
export function folderOfSegments(named: PathLike | undefined, make = false): string {
  const folder = named === undefined ? homeOfSegments() : absolutePath(directoryFrom(named));
  if (named === undefined && make) prepareHome(folder);
  else if (statusAt(folder) !== undefined) {
    if (named === undefined) checkHome(folder);
    else checkFolder(folder, 0, flawOfShared);
  }
  return folder;
}

function directoryFrom(path: PathLike): string {
  if (path !== "" && isPathLike(path)) return pathFrom(path);
  throw new TypeError(
    `Cannot use ${nameOf(path)} as the directory of segments: it must be the path of a ` +
      'folder, such as "/dev/shm/jobs"',
  );
}

/** A folder such as /tmp is safe enough, since each file is checked as well. */
function flawOfShared(found: FileStatus): string | undefined {
  const { user, mode } = found;
  if (user !== userId() && user !== 0) return `it belongs to user ${user}`;
  const isSafe = writers(found) === 0 || (mode & STICKY) !== 0;
  return isSafe ? undefined : otherUsersCan("write to", mode);
}

function otherUsersCan(verb: string, mode: number): string {
  return `other users can ${verb} it: its mode is ${mode.toString(8)}`;
}

function checkFolder(
  folder: string,
  flags: number,
  flawOf: (status: FileStatus) => string | undefined,
): void {
  // O_PATH, since the folder need not be readable.
  const fd = openFile(folder, O_PATH | O_DIRECTORY | flags);
  try {
    const flaw = flawOf(statusOf(fd, folder));
    if (flaw === undefined) return;
    throw new SegmentFormatError(
      `Cannot keep segments in "${folder}": ${flaw}. Remove it, or give another directory`,
    );
  } finally {
    closeFile(fd);
  }
}

/**
 * The names and sizes of the memories in a folder; none if the folder does not exist.
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

/** Opens a file; returns `undefined` if it was removed meanwhile, or cannot be a memory. */
function openFileOf(path: string): number | undefined {
  try {
    return openIfThere(path, O_RDONLY | O_NOFOLLOW);
  } catch (error) {
    const { errno } = error as { errno?: number };
    if (errno === ELOOP || errno === ENXIO) return undefined; // A link, a socket or a device.
    throw error;
  }
}

function sizeOf(path: string): number | undefined {
  const fd = openFileOf(path);
  if (fd === undefined) return undefined;
  try {
    const { isFile, size } = statusOf(fd, path);
    if (!isFile) return undefined;
    const header = new Uint8Array(HEADER.checked);
    const got = readAt(fd, path, header, 0);
    const flaw = flawOf(header.subarray(0, got), size);
    return flaw === undefined ? lengthIn(header) - HEADER.end : undefined;
  } finally {
    closeFile(fd);
  }
}
