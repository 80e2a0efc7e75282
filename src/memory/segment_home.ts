import { SegmentFormatError } from "../contract/errors.ts";
import { nameOf } from "../contract/options.ts";
import type { PathLike } from "../contract/path_like.ts";
import { O_DIRECTORY, O_NOFOLLOW, O_PATH, O_RDONLY } from "../runtime/c/constants.ts";
import { pathVariable } from "../runtime/c/environment.ts";
import { ELOOP, ENOENT, ENXIO } from "../runtime/c/errno.ts";
import { absolutePath } from "../runtime/files/absolute_path.ts";
import type { FileAccess } from "../runtime/files/file_access.ts";
import { inodeOf, statusAt, statusOf } from "../runtime/files/file_status.ts";
import { makeDirectory, namesIn } from "../runtime/files/folders.ts";
import { closeFile, openFile, openIfThere, readAt } from "../runtime/files/open_file.ts";
import { userId } from "../runtime/identity/thread_identity.ts";
import { quotePath } from "../runtime/paths/path_bytes.ts";
import { isPathLike, pathFrom } from "../runtime/paths/path_like.ts";
import { flawOf, HEADER, lengthIn } from "./layout.ts";
import { flawOfFolder } from "./segment_access.ts";

/** The variable of the environment that names the folder of segments. */
const VARIABLE = "INTERLOCK_DIR";
const INSTEAD = `Set ${VARIABLE}, or the option directory, to a folder of your own`;

/**
 * The folder of the segments of this user, by the user's number alone: programs with another
 * environment find the same one. Without /dev/shm it is in /tmp, so it depends on the machine.
 */
function homeOfSegments(): string {
  return `${inodeOf("/dev/shm") === undefined ? "/tmp" : "/dev/shm"}/interlock-${userId()}`;
}

/**
 * Creates the folder if it is missing, for this user alone.
 *
 * @throws {SegmentFormatError} If other users can use it, or it belongs to another user.
 * @throws {Error} With the `code` of the system, if it cannot be created.
 */
export function prepareHome(folder: string): void {
  try {
    makeDirectory(folder);
  } catch (cause) {
    const { message, code, errno, path } = cause as Error & Record<string, unknown>;
    throw Object.assign(new Error(`${message}. ${INSTEAD}`, { cause }), { code, errno, path });
  }
  checkHome(folder);
}

/**
 * Checks that the home of this user's segments is private: its name is known, so another user may
 * have created it, or a link in its place.
 *
 * @throws {SegmentFormatError} If other users can use it, or it belongs to another user.
 */
function checkHome(folder: string): void {
  const found = statusAt(folder);
  if (found === undefined) return;
  const { user, mode, isFolder } = found;
  const flaw = user !== userId()
    ? `it belongs to user ${user}`
    : !isFolder
    ? "it is not a folder"
    : (mode & 0o077) !== 0 && `other users can use it: its mode is ${mode.toString(8)}`;
  // Nobody else can replace it after the check: /dev/shm and /tmp are sticky.
  if (flaw) throw refused(folder, flaw, INSTEAD);
}

/**
 * The folder of the segments: the given one, that of the environment, or this user's home.
 *
 * @param access The users that the segments are for; `undefined` for this user alone.
 * @param make Whether to create the home if it is missing.
 * @throws {TypeError} If the given one is not a path, or other users could not reach the home.
 * @throws {SegmentFormatError} If other users could replace files of this user.
 * @throws {Error} With the `code` of the system.
 */
export function folderOfSegments(
  directory: PathLike | undefined,
  access?: FileAccess,
  make = false,
): string {
  if (directory !== undefined) {
    const folder = absolutePath(directoryFrom(directory));
    checkFolder(folder, access);
    return folder;
  }
  const named = pathVariable(VARIABLE);
  if (named !== undefined) {
    if (!named.startsWith("/")) {
      throw new TypeError(
        `Cannot use ${VARIABLE}: it must be an absolute path, not ${quotePath(named)}`,
      );
    }
    if (!checkFolder(named, access) && make) {
      throw Object.assign(
        new Error(`Cannot use ${VARIABLE}: there is no folder ${quotePath(named)} (ENOENT)`),
        { code: "ENOENT", errno: ENOENT, path: named },
      );
    }
    return named;
  }
  if (access !== undefined) {
    throw new TypeError(
      `Cannot share segments with other users in a folder of this user. ${INSTEAD}`,
    );
  }
  const folder = homeOfSegments();
  if (make) prepareHome(folder);
  else checkHome(folder);
  return folder;
}

function directoryFrom(path: PathLike): string {
  if (path !== "" && isPathLike(path)) return pathFrom(path);
  throw new TypeError(
    `Cannot use ${nameOf(path)} as the directory of segments: it must be the path of a ` +
      'folder, such as "/dev/shm/jobs"',
  );
}

/** Checks a folder that a program or its environment names; returns whether there is one. */
function checkFolder(folder: string, access: FileAccess | undefined): boolean {
  if (statusAt(folder) === undefined) return false;
  // O_PATH, since the folder need not be readable.
  const fd = openFile(folder, O_PATH | O_DIRECTORY);
  try {
    const flaw = flawOfFolder(statusOf(fd, folder), access);
    if (flaw !== undefined) throw refused(folder, flaw, "Give another directory");
    return true;
  } finally {
    closeFile(fd);
  }
}

function refused(folder: string, flaw: string, instead: string): SegmentFormatError {
  return new SegmentFormatError(
    `Cannot keep segments in ${quotePath(folder)}: ${flaw}. ${instead}`,
  );
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
