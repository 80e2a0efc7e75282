import { ENOENT, errno, systemError } from "./errno.ts";
import {
  closeFile,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_RDONLY,
  O_TRUNC,
  O_WRONLY,
  openFile,
  openNameless,
  pathBytes,
  publish,
  readAt,
  removeFile,
  statusOf,
  tryOpen,
  writeAt,
} from "./files.ts";
import { libc } from "./libc.ts";

const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;

/** Returns when the contents of a file are on the storage, as far as that tells the truth. */
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

/** Makes a file with its contents in one step for all who look; false where the name is taken. */
export function makeFile(path: string, contents: Uint8Array): boolean {
  // Without a name where the file system can do that: most of those on other machines cannot.
  const { fd, name } = openNamelessOrNew(path);
  try {
    writeAt(fd, path, contents, 0);
    syncData(fd, path);
    return publish(fd, path, name);
  } finally {
    closeFile(fd);
    if (name !== undefined) removeFile(name);
  }
}

function openNamelessOrNew(path: string): { readonly fd: number; readonly name?: string } {
  try {
    return { fd: openNameless(folderOf(path)) };
  } catch (error) {
    if ((error as { code?: string }).code !== "EOPNOTSUPP") throw error;
    const name = `${path}.${Math.random().toString(36).slice(2)}.new`;
    return { fd: openFile(name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW), name };
  }
}

/**
 * Replaces a file, or makes it, in one step for all who look, by way of `path.new`: for one
 * caller at a time. Keeps the permissions of the one before.
 *
 * @param durable Whether both contents and name are on the storage when this returns.
 */
export function replaceFile(path: string, contents: Uint8Array, durable: boolean): void {
  const next = `${path}.new`;
  const last = tryOpen(path, O_RDONLY | O_NOFOLLOW);
  let mode = 0o600;
  if (last !== undefined) {
    try {
      mode = statusOf(last, path).mode;
    } finally {
      closeFile(last);
    }
  }
  const fd = openFile(next, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode);
  try {
    if (libc.fchmod(fd, mode) !== 0) throw systemError("set the mode of", next, errno());
    writeAt(fd, next, contents, 0);
    if (durable) syncData(fd, next);
  } catch (error) {
    removeFile(next); // No space, most likely: then it needs what it has taken.
    throw error;
  } finally {
    closeFile(fd);
  }
  if (libc.rename(pathBytes(next), pathBytes(path)) !== 0) {
    throw systemError("replace", path, errno());
  }
  if (durable) syncFolder(path);
}

/** The whole contents of a regular file; `undefined` where there is none. */
export function readFile(path: string): Uint8Array | undefined {
  const fd = libc.open(pathBytes(path), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0);
  if (fd < 0) {
    const failure = errno();
    if (failure === ENOENT) return undefined;
    throw systemError("open", path, failure);
  }
  try {
    const { isFile, size } = statusOf(fd, path);
    if (!isFile) throw new TypeError(`Cannot read "${path}": it is not a regular file`);
    const contents = new Uint8Array(size);
    return contents.subarray(0, readAt(fd, path, contents, 0));
  } finally {
    closeFile(fd);
  }
}
