import { O_CREAT, O_EXCL, O_NOFOLLOW, O_RDONLY, O_WRONLY } from "../c/constants.ts";
import { ENOENT, EPERM, errno, systemError } from "../c/errno.ts";
import { libc } from "../c/libc.ts";
import { pathBytes } from "../paths/path_bytes.ts";
import { isPrivateName, privateName } from "../paths/private_name.ts";
import { type FileAccess, giveAccess } from "./file_access.ts";
import { type FileStatus, statusOf } from "./file_status.ts";
import { folderOf, lastPartOf, namesIn, removeFile, syncFolder } from "./folders.ts";
import { closeFile, openFile, syncData, tryOpen, writeAt } from "./open_file.ts";

/**
 * Replaces a file, or makes it, in one step for all readers; only one caller at a time. Keeps its
 * group and permissions, or throws; and its owner, see {@linkcode makeAlike}. Until then the new
 * file has a random name; it is removed if anything fails. If the process is killed,
 * {@linkcode removeLeftovers} removes it later.
 *
 * @param durable Whether both contents and name are on the storage when this returns.
 * @param access Who may use the file if it is made; `undefined` for only this user.
 */
export function replaceFile(
  path: string,
  contents: Uint8Array,
  durable: boolean,
  access?: FileAccess,
): void {
  const last = lastOf(path);
  const next = privateName(path);
  const fd = openFile(next, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW);
  try {
    if (last !== undefined) makeAlike(fd, path, last);
    else if (access !== undefined) giveAccess(fd, path, access);
    writeAt(fd, path, contents, 0);
    if (durable) syncData(fd, path);
    // SAFETY: both paths end with NUL.
    if (libc.rename(pathBytes(next), pathBytes(path)) !== 0) {
      throw systemError("replace", path, errno());
    }
  } catch (error) {
    removeFile(next); // The disk is full, most likely: give its space back.
    throw error;
  } finally {
    closeFile(fd);
  }
  if (durable) syncFolder(path);
}

/** The status of the file that will be replaced; `undefined` if there is none. */
function lastOf(path: string): FileStatus | undefined {
  const fd = tryOpen(path, O_RDONLY | O_NOFOLLOW);
  if (fd === undefined) {
    const failure = errno();
    if (failure === ENOENT) return undefined;
    throw systemError("replace", path, failure);
  }
  try {
    return statusOf(fd, path);
  } finally {
    closeFile(fd);
  }
}

/**
 * Gives a new file the group and the permissions of the last, and its owner, unless this user may
 * give no file to another user, but may write to the last one.
 */
function makeAlike(fd: number, path: string, last: FileStatus): void {
  const { user, group, mode } = last;
  const own = statusOf(fd, path);
  if (own.user !== user && libc.fchown(fd, user, group) !== 0) {
    const failure = errno();
    if (failure !== EPERM || !mayWrite(path)) {
      throw systemError(`keep the owner ${user} and the group ${group} of`, path, failure);
    }
  }
  giveAccess(fd, path, { mode, group: statusOf(fd, path).group === group ? undefined : group });
}

function mayWrite(path: string): boolean {
  const fd = tryOpen(path, O_WRONLY | O_NOFOLLOW);
  if (fd === undefined) return false;
  closeFile(fd);
  return true;
}

/**
 * Removes the new files that killed writers of a file have left beside it: only regular files with
 * a name and an owner of such files. The caller must be the only writer. A file that cannot be
 * removed does no harm, and stays.
 */
export function removeLeftovers(path: string): void {
  const folder = folderOf(path);
  const name = lastPartOf(path);
  const owners = [libc.getuid(), lastOf(path)?.user];
  for (const found of readableNamesIn(folder)) {
    if (!isPrivateName(found, name)) continue;
    const leftover = `${folder}/${found}`;
    const fd = tryOpen(leftover, O_RDONLY | O_NOFOLLOW);
    if (fd === undefined) continue;
    try {
      const { isFile, user } = statusOf(fd, leftover);
      if (isFile && owners.includes(user)) libc.unlink(pathBytes(leftover));
    } finally {
      closeFile(fd);
    }
  }
}

/** The names in a folder; none if this user may write to it, but not list it. */
function readableNamesIn(folder: string): string[] {
  try {
    return namesIn(folder);
  } catch (error) {
    if ((error as { code?: string }).code === "EACCES") return [];
    throw error;
  }
}
