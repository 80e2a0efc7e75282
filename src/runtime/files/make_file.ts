import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_SYMLINK_FOLLOW,
  O_CREAT,
  O_EXCL,
  O_NOFOLLOW,
  O_RDWR,
  O_TMPFILE,
  O_WRONLY,
} from "../c/constants.ts";
import { EEXIST, ENOENT, EOPNOTSUPP, errno, systemError } from "../c/errno.ts";
import { libc } from "../c/libc.ts";
import { pathBytes, quotePath } from "../paths/path_bytes.ts";
import { inodeOf } from "./file_status.ts";
import { privateName } from "../paths/private_name.ts";
import { folderOf, removeFile } from "./folders.ts";
import { type FileAccess, giveAccess } from "./file_access.ts";
import { closeFile, openFile, syncData, writeAt } from "./open_file.ts";

const RENAME_NOREPLACE = 1;

/**
 * Creates a file with its contents in one step for all readers; false if the name is taken.
 *
 * @param access Who may use it; `undefined` for only this user.
 */
export function makeFile(path: string, contents: Uint8Array, access?: FileAccess): boolean {
  let fd: number;
  try {
    fd = openNameless(folderOf(path));
  } catch (error) {
    if (!lacksNameless(error)) throw error;
    return makeFileByName(path, contents, access);
  }
  try {
    fill(fd, path, contents, access);
    return publish(fd, path);
  } finally {
    closeFile(fd);
  }
}

/** Creates it under a name of its own first, which stays behind if the process is killed. */
function makeFileByName(path: string, contents: Uint8Array, access?: FileAccess): boolean {
  const own = privateName(path);
  const fd = openFile(own, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW);
  try {
    fill(fd, path, contents, access);
    return publishName(own, path);
  } finally {
    closeFile(fd);
    removeFile(own);
  }
}

function fill(fd: number, path: string, contents: Uint8Array, access?: FileAccess): void {
  if (access !== undefined) giveAccess(fd, path, access);
  if (contents.length === 0) return;
  writeAt(fd, path, contents, 0);
  syncData(fd, path);
}

/** Whether a file system has no O_TMPFILE; to an older kernel the flags open a folder. */
function lacksNameless(error: unknown): boolean {
  return ["EOPNOTSUPP", "EISDIR"].includes((error as { code?: string }).code!);
}

/**
 * Creates a file without a name in a folder, for {@linkcode publish}. Until then no other process
 * can open it, and the system removes it with its descriptor. See open(2), O_TMPFILE.
 *
 * @throws {Error} With the `code` of the system.
 */
export function openNameless(folder: string): number {
  try {
    return openFile(folder, O_TMPFILE | O_RDWR);
  } catch (error) {
    if (!lacksNameless(error)) throw error;
    const code = "EOPNOTSUPP";
    throw Object.assign(
      new Error(
        `Cannot make a file in ${quotePath(folder)}: its file system has no files without a ` +
          `name (O_TMPFILE; ${code}). Use a folder of another one, such as tmpfs, ext4 or XFS`,
      ),
      { code, errno: EOPNOTSUPP, path: folder },
    );
  }
}

/**
 * Gives a nameless file its name, in one step for all readers; false if the name is taken.
 *
 * @throws {Error} With the `code` of the system.
 */
export function publish(fd: number, path: string): boolean {
  const link = `/proc/self/fd/${fd}`;
  const [from, to] = [link, path].map(pathBytes);
  if (libc.linkat(AT_FDCWD, from, AT_FDCWD, to, AT_SYMLINK_FOLLOW) === 0) return true;
  let failure = errno();
  const hasProc = failure !== ENOENT || inodeOf(link) !== undefined;
  if (!hasProc) {
    // Before Linux 6.10, only root may do this.
    if (libc.linkat(fd, Uint8Array.of(0), AT_FDCWD, to, AT_EMPTY_PATH) === 0) return true;
    failure = errno();
  }
  if (failure === EEXIST) return false;
  if (hasProc || failure !== ENOENT) throw systemError("make", path, failure);
  throw Object.assign(
    new Error(
      `Cannot make ${quotePath(path)}: /proc/self/fd, by which a new file gets its name, is ` +
        "missing (ENOENT). Mount /proc (mount -t proc proc /proc)",
    ),
    { code: "ENOENT", errno: failure, path },
  );
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
