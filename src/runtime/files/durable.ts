import { EEXIST, ENOENT, errno, systemError } from "../c/errno.ts";
import {
  closeFile,
  type FileStatus,
  namesIn,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_RDONLY,
  O_WRONLY,
  openFile,
  openNameless,
  publish,
  readAllAt,
  removeFile,
  statusOf,
  tryOpen,
  writeAt,
} from "./files.ts";
import { libc } from "../c/libc.ts";
import { pathBytes, quotePath } from "../paths/path_bytes.ts";

const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;
const AT_FDCWD = -100;
const RENAME_NOREPLACE = 1;

/** Returns when the contents of a file are on the storage, unless the storage lies. */
export function syncData(fd: number, path: string): void {
  if (libc.fdatasync(fd) !== 0) throw systemError("make durable", path, errno());
}

/** The folder that a path is in. */
export function folderOf(path: string): string {
  const end = path.lastIndexOf("/");
  return end < 0 ? "." : path.slice(0, end) || "/";
}

/** Returns when the names in the folder of a path are on the storage. */
export function syncFolder(path: string): void {
  const folder = folderOf(path);
  const fd = openFile(folder, O_RDONLY | O_DIRECTORY);
  try {
    if (libc.fsync(fd) !== 0) throw systemError("make durable", folder, errno());
  } finally {
    closeFile(fd);
  }
}

/** Creates a file with its contents in one step for all readers; false if the name is taken. */
export function makeFile(path: string, contents: Uint8Array): boolean {
  let fd: number;
  try {
    fd = openNameless(folderOf(path));
  } catch (error) {
    // A file system without O_TMPFILE; to an older kernel the flags open a folder.
    if (!["EOPNOTSUPP", "EISDIR"].includes((error as { code?: string }).code!)) throw error;
    return makeFileByName(path, contents);
  }
  try {
    writeAt(fd, path, contents, 0);
    syncData(fd, path);
    return publish(fd, path);
  } finally {
    closeFile(fd);
  }
}

/** A random name beside a file, for the file that will replace it. */
function privateName(path: string): string {
  return `${path}.${crypto.randomUUID()}.new`;
}

const PRIVATE = /^\.[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.new$/;

/**
 * Removes the new files that killed writers of a file have left beside it: only regular files with
 * a name and an owner of such files. The caller must be the only writer. A file that cannot be
 * removed does no harm, and stays.
 */
export function removeLeftovers(path: string): void {
  const folder = folderOf(path);
  const name = path.slice(path.lastIndexOf("/") + 1);
  const owners = [libc.getuid(), lastOf(path)?.user];
  for (const found of readableNamesIn(folder)) {
    if (!found.startsWith(name) || !PRIVATE.test(found.slice(name.length))) continue;
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

/** Creates it under a name of its own first, which stays behind if the process is killed. */
function makeFileByName(path: string, contents: Uint8Array): boolean {
  const own = privateName(path);
  const fd = openFile(own, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW);
  try {
    writeAt(fd, path, contents, 0);
    syncData(fd, path);
    return publishName(own, path);
  } finally {
    closeFile(fd);
    removeFile(own);
  }
}

function publishName(own: string, path: string): boolean {
  // SAFETY: both paths end with NUL.
  const [from, to] = [own, path].map(pathBytes);
  if (libc.linkat(AT_FDCWD, from, AT_FDCWD, to, 0) === 0) return true;
  if (errno() === EEXIST) return false;
  // A file system without links, such as FAT.
  if (libc.renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) === 0) return true;
  const failure = errno();
  if (failure === EEXIST) return false;
  throw systemError("make", path, failure);
}

/**
 * Replaces a file, or makes it, in one step for all readers; only one caller at a time. Keeps its
 * owner, group and permissions, or throws. Until then the new file has a random name; it is removed
 * if anything fails. If the process is killed, {@linkcode removeLeftovers} removes it later.
 *
 * @param durable Whether both contents and name are on the storage when this returns.
 */
export function replaceFile(path: string, contents: Uint8Array, durable: boolean): void {
  const last = lastOf(path);
  const next = privateName(path);
  const fd = openFile(next, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW);
  try {
    if (last !== undefined) makeAlike(fd, path, last);
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

/** Gives a new file the owner, the group and the permissions of the last. */
function makeAlike(fd: number, path: string, last: FileStatus): void {
  const { user, group } = statusOf(fd, path);
  const same = user === last.user && group === last.group;
  if (!same && libc.fchown(fd, last.user, last.group) !== 0) {
    const failure = errno();
    throw systemError(
      `keep the owner ${last.user} and the group ${last.group} of`,
      path,
      failure,
    );
  }
  if (libc.fchmod(fd, last.mode) !== 0) throw systemError("keep the mode of", path, errno());
}

/** The whole contents of a regular file; `undefined` if there is no file. */
export function readFile(path: string): Uint8Array | undefined {
  const fd = libc.open(pathBytes(path), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0);
  if (fd < 0) {
    const failure = errno();
    if (failure === ENOENT) return undefined;
    throw systemError("open", path, failure);
  }
  try {
    const { isFile, size } = statusOf(fd, path);
    if (!isFile) throw new TypeError(`Cannot read ${quotePath(path)}: it is not a regular file`);
    const contents = new Uint8Array(size);
    return contents.subarray(0, readAllAt(fd, path, contents, 0));
  } finally {
    closeFile(fd);
  }
}
