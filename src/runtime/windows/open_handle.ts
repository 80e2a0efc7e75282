import {
  ALSO_FOLDERS,
  FILE_TYPE_DISK,
  INVALID_HANDLE,
  kernel32,
  SHARE_ALL,
  THE_LINK,
  windowsError,
} from "./kernel32.ts";
import {
  FILE_INFORMATION_BYTES,
  type FileInformation,
  fileInformation,
  NO_FILE,
  wideString,
} from "./structures.ts";
import { foldersTo } from "./paths.ts";

const information = new Uint8Array(FILE_INFORMATION_BYTES);
const count = new Uint32Array(1);
const countBytes = new Uint8Array(count.buffer);

/**
 * Opens a file or a folder, which other programs may open, rename and remove meanwhile. Started
 * programs do not inherit the handle.
 *
 * @param full An extended path.
 * @param flags `THE_LINK` does not follow a link.
 * @returns `undefined` if it fails, for any reason.
 */
export function tryOpen(
  full: string,
  access: number,
  disposition: number,
  flags = THE_LINK,
): number | undefined {
  // SAFETY: the path ends with NUL; the null pointers are documented as allowed.
  const handle = kernel32().CreateFileW(
    wideString(full),
    access,
    SHARE_ALL,
    0,
    disposition,
    flags | ALSO_FOLDERS,
    0,
  );
  return handle === INVALID_HANDLE ? undefined : handle;
}

/** The status of an open file, folder, pipe or device. */
export function informationOf(handle: number, path: string): FileInformation {
  if (kernel32().GetFileType(handle) !== FILE_TYPE_DISK) return NO_FILE;
  // SAFETY: `information` is as long as a `BY_HANDLE_FILE_INFORMATION`.
  if (kernel32().GetFileInformationByHandle(handle, information) === 0) {
    throw windowsError("look at", path, kernel32().GetLastError());
  }
  return fileInformation(information);
}

/** Creates the folders on the way to an extended path; if that fails, no file can be made there. */
export function makeFolders(full: string): void {
  for (const folder of foldersTo(full)) kernel32().CreateDirectoryW(wideString(folder), 0);
}

/** Reads up to `bytes.length` bytes from an offset; returns how many there were. */
export function readAt(handle: number, path: string, bytes: Uint8Array, offset: number): number {
  seek(handle, path, offset);
  const { ReadFile, GetLastError } = kernel32();
  // SAFETY: ReadFile writes no more than `bytes.length` bytes, and four into `countBytes`.
  if (ReadFile(handle, bytes, bytes.length, countBytes, 0) === 0) {
    throw windowsError("read", path, GetLastError());
  }
  return count[0];
}

/** Writes all of `bytes` at an offset. */
export function writeAt(handle: number, path: string, bytes: Uint8Array, offset: number): void {
  seek(handle, path, offset);
  const { WriteFile, GetLastError } = kernel32();
  for (let rest = bytes; rest.length > 0; rest = rest.subarray(count[0])) {
    // SAFETY: WriteFile reads no more than `rest.length` bytes.
    if (WriteFile(handle, rest, rest.length, countBytes, 0) === 0) {
      throw windowsError("write", path, GetLastError());
    }
  }
}

/** Returns when the contents of a file are on the storage, unless the storage lies. */
export function syncData(handle: number, path: string): void {
  if (kernel32().FlushFileBuffers(handle) === 0) {
    throw windowsError("make durable", path, kernel32().GetLastError());
  }
}

function seek(handle: number, path: string, offset: number): void {
  if (kernel32().SetFilePointerEx(handle, offset, 0, 0) === 0) {
    throw windowsError("seek in", path, kernel32().GetLastError());
  }
}
