import { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } from "../c/constants.ts";
import { EEXIST, ENOENT, errno, systemError } from "../c/errno.ts";
import { libc } from "../c/libc.ts";
import { pathBytes, pathOf } from "../paths/path_bytes.ts";
import { type FileAccess, folderAccessFor, giveAccess } from "./file_access.ts";
import { closeFile, openFile } from "./open_file.ts";

/** The folder that a path is in. */
export function folderOf(path: string): string {
  const end = path.lastIndexOf("/");
  return end < 0 ? "." : path.slice(0, end) || "/";
}

/** The last part of a path: the name in its folder. */
export function lastPartOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** The folders on the way to an absolute path, from the top. */
export function foldersTo(path: string): string[] {
  const folders: string[] = [];
  for (let at = path.indexOf("/", 1); at > 0; at = path.indexOf("/", at + 1)) {
    folders.push(path.slice(0, at));
  }
  return folders;
}

/**
 * Creates a folder, unless it exists.
 *
 * @param access Who can use it; `undefined` for only this user.
 */
export function makeDirectory(path: string, access?: FileAccess): void {
  if (libc.mkdir(pathBytes(path), 0o700) !== 0) {
    const failure = errno();
    if (failure !== EEXIST) throw systemError("make the folder", path, failure);
  } else if (access !== undefined) {
    const fd = openFile(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    try {
      giveAccess(fd, path, access);
    } finally {
      closeFile(fd);
    }
  }
}

/**
 * Creates the folders on the way to a path, if they are missing.
 *
 * @param access The users that may use the file; those that may read it can use the new folders.
 */
export function makeFolders(path: string, access?: FileAccess): void {
  const ofFolders = access && folderAccessFor(access);
  for (const folder of foldersTo(path)) makeDirectory(folder, ofFolders);
}

/** The names in a folder, by getdents64(2), without `.` and `..`. */
export function namesIn(folder: string): string[] {
  const fd = openFile(folder, O_RDONLY | O_DIRECTORY);
  const names: string[] = [];
  const entries = new Uint8Array(32768);
  const view = new DataView(entries.buffer);
  try {
    for (;;) {
      // SAFETY: the system writes whole entries within `entries.length` bytes, each with its
      // length.
      const length = libc.getdents64(fd, entries, entries.length);
      if (length < 0) throw systemError("list", folder, errno());
      if (length === 0) return names;
      for (let at = 0; at < length; at += view.getUint16(at + 16, true)) {
        const name = pathOf(entries.subarray(at + 19, at + view.getUint16(at + 16, true)));
        if (name !== "." && name !== "..") names.push(name);
      }
    }
  } finally {
    closeFile(fd);
  }
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

/** Removes a name; false if there is none. */
export function removeFile(path: string): boolean {
  if (libc.unlink(pathBytes(path)) === 0) return true;
  const failure = errno();
  if (failure === ENOENT) return false;
  throw systemError("remove", path, failure);
}
