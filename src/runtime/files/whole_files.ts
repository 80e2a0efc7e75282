import { adapter } from "../adapters/adapter.ts";
import * as windows from "../windows/whole_files.ts";
import { absolutePath, realPath } from "./absolute_path.ts";
import type { FileAccess } from "./file_access.ts";
import { type FileStatus, statusAt } from "./file_status.ts";
import { makeFolders } from "./folders.ts";
import { makeFile } from "./make_file.ts";
import { readFile } from "./open_file.ts";
import { removeLeftovers, replaceFile } from "./replace_file.ts";

/** What counters and documents do with whole files, on each system. */
export interface WholeFiles {
  /** The status of a file by its path, not following links; `undefined` if there is none. */
  statusAt(path: string): Pick<FileStatus, "isFile" | "isFolder"> | undefined;
  /** The absolute path, which leads to the same file after the working directory has changed. */
  absolutePath(path: string): string;
  /** The same with links followed. The file, and folders on the way, may be missing. */
  realPath(path: string): string;
  /** The whole contents of a regular file; `undefined` if there is no file. */
  readFile(path: string): Uint8Array | undefined;
  /**
   * Creates a file with its contents in one step for all readers, and the folders on the way; false
   * if the name is taken.
   */
  makeFile(path: string, contents: Uint8Array, access?: FileAccess): boolean;
  /** Replaces a file, or makes it, in one step for all readers; only one caller at a time. */
  replaceFile(path: string, contents: Uint8Array, durable: boolean, access?: FileAccess): void;
  /** Removes the new files that killed writers of a file have left beside it. */
  removeLeftovers(path: string): void;
}

const linux: WholeFiles = {
  statusAt,
  absolutePath: (path) => absolutePath(path),
  realPath,
  readFile,
  makeFile(path, contents, access) {
    makeFolders(path, access);
    return makeFile(path, contents, access);
  },
  replaceFile,
  removeLeftovers,
};

/** Those of this system. */
export const wholeFiles: WholeFiles = adapter.platform === "win32" ? windows : linux;
