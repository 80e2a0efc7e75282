import { O_DIRECTORY, O_RDONLY } from "../c/constants.ts";
import { errno, systemError } from "../c/errno.ts";
import { libc } from "../c/libc.ts";
import { folderOf } from "../paths/path_parts.ts";
import { closeFile, openFile } from "./open_file.ts";

/** Returns when the contents of a file are on the storage, unless the storage lies. */
export function syncData(fd: number, path: string): void {
  if (libc.fdatasync(fd) !== 0) throw systemError("make durable", path, errno());
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
