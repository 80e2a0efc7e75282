import { namedError } from "../c/errno.ts";
import { quotePath } from "../paths/path_bytes.ts";
import { isPrivateName, privateName } from "../paths/private_name.ts";
import { copyAccessList } from "./access_list.ts";
import {
  CREATE_NEW,
  DELETE,
  ERROR_ACCESS_DENIED,
  ERROR_ALREADY_EXISTS,
  ERROR_FILE_EXISTS,
  ERROR_FILE_NOT_FOUND,
  ERROR_PATH_NOT_FOUND,
  ERROR_SHARING_VIOLATION,
  FILE_READ_ATTRIBUTES,
  FILE_RENAME_INFO_EX,
  GENERIC_READ,
  GENERIC_WRITE,
  INVALID_HANDLE,
  kernel32,
  MOVEFILE_REPLACE_EXISTING,
  MOVEFILE_WRITE_THROUGH,
  OPEN_EXISTING,
  READ_CONTROL,
  THE_LINK,
  windowsError,
  WRITE_DAC,
} from "./kernel32.ts";
import { informationOf, makeFolders, readAt, syncData, tryOpen, writeAt } from "./open_handle.ts";
import { fullPath, LONGEST_PATH, shortForm } from "./paths.ts";
import {
  type FileInformation,
  FOUND_FILE_BYTES,
  foundFile,
  renameInformation,
  textOf,
  wideString,
} from "./structures.ts";

const FOLLOW = 0;
const TRIES = 5;
/** How long a replacement waits for a program that has the file open and does not share it. */
const BUSY_MS = 1000;

/**
 * Opens what is there; `undefined` if there is nothing. Believes an error number when a second try
 * has the same: the engine may call Windows before the number is read.
 */
function openIfThere(
  full: string,
  path: string,
  access: number,
  flags = THE_LINK,
): number | undefined {
  let failure = 0;
  for (let tries = 0; tries < TRIES; tries++) {
    const handle = tryOpen(full, access, OPEN_EXISTING, flags);
    if (handle !== undefined) return handle;
    const last = failure;
    failure = kernel32().GetLastError();
    if (failure === last) break;
  }
  if (failure === ERROR_FILE_NOT_FOUND || failure === ERROR_PATH_NOT_FOUND) return undefined;
  throw windowsError("open", path, failure);
}

/** The absolute path, which leads to the same file after the working directory has changed. */
export function absolutePath(path: string): string {
  return shortForm(fullPath(path));
}

/** The status of a file by its path, not following links; `undefined` if there is none. */
export function statusAt(path: string): FileInformation | undefined {
  const handle = openIfThere(fullPath(path), path, FILE_READ_ATTRIBUTES);
  if (handle === undefined) return undefined;
  try {
    return informationOf(handle, path);
  } finally {
    kernel32().CloseHandle(handle);
  }
}

/** The absolute path with links followed. The file, and folders on the way, may be missing. */
export function realPath(path: string): string {
  return shortForm(extendedRealPath(path));
}

function extendedRealPath(path: string): string {
  const full = fullPath(path);
  const handle = openIfThere(full, path, FILE_READ_ATTRIBUTES, FOLLOW);
  if (handle === undefined) {
    if (statusAt(full) !== undefined) {
      const what = "it is a symbolic link that leads nowhere";
      throw Object.assign(new Error(`Cannot open ${quotePath(path)}: ${what} (ENOENT)`), {
        code: "ENOENT",
        path,
      });
    }
    const end = full.lastIndexOf("\\");
    const folder = full.slice(0, end);
    return folder.includes("\\", 4) ? `${extendedRealPath(folder)}${full.slice(end)}` : full;
  }
  try {
    const wide = new Uint8Array(2 * LONGEST_PATH);
    // SAFETY: the length that the call gets is in units of two bytes; it writes no more.
    const length = kernel32().GetFinalPathNameByHandleW(handle, wide, LONGEST_PATH, 0);
    if (length > 0 && length < LONGEST_PATH) return textOf(wide, length);
    throw windowsError("find", path, kernel32().GetLastError());
  } finally {
    kernel32().CloseHandle(handle);
  }
}

/** The whole contents of a regular file; `undefined` if there is no file. */
export function readFile(path: string): Uint8Array | undefined {
  const handle = openIfThere(fullPath(path), path, GENERIC_READ);
  if (handle === undefined) return undefined;
  try {
    const { isFile, isLink, size } = informationOf(handle, path);
    if (isLink) throw namedError("read", path, "ELOOP", 0);
    if (!isFile) throw new TypeError(`Cannot read ${quotePath(path)}: it is not a regular file`);
    const contents = new Uint8Array(size);
    let length = 0;
    while (length < size) {
      const got = readAt(handle, path, contents.subarray(length), length);
      if (got === 0) break;
      length += got;
    }
    return contents.subarray(0, length);
  } finally {
    kernel32().CloseHandle(handle);
  }
}

/** Creates a file with its contents in one step for all readers; false if the name is taken. */
export function makeFile(path: string, contents: Uint8Array): boolean {
  const full = fullPath(path);
  makeFolders(full);
  return put(full, path, contents, true, false);
}

/**
 * Replaces a file, or makes it, in one step for all readers; only one caller at a time. Keeps its
 * access control list, or throws. A reader may have the file open meanwhile, unless it does not
 * share it.
 *
 * @param durable Whether both contents and name are on the storage when this returns.
 */
export function replaceFile(path: string, contents: Uint8Array, durable: boolean): void {
  put(fullPath(path), path, contents, durable, true);
}

/** Writes a file with a random name, and gives it its name. It is removed if anything fails. */
function put(
  full: string,
  path: string,
  contents: Uint8Array,
  durable: boolean,
  replace: boolean,
): boolean {
  const own = privateName(full);
  const access = (GENERIC_WRITE | DELETE | WRITE_DAC) >>> 0;
  const handle = tryOpen(own, access, CREATE_NEW);
  if (handle === undefined) throw windowsError("make", path, kernel32().GetLastError());
  let done = false;
  try {
    if (replace) makeAlike(handle, full, path);
    writeAt(handle, path, contents, 0);
    if (durable) syncData(handle, path);
    done = rename(handle, own, full, path, replace);
    if (done && durable) syncData(handle, path); // The name, too.
    return done;
  } finally {
    kernel32().CloseHandle(handle);
    if (!done) kernel32().DeleteFileW(wideString(own));
  }
}

function makeAlike(handle: number, full: string, path: string): void {
  const last = openIfThere(full, path, READ_CONTROL | FILE_READ_ATTRIBUTES);
  if (last === undefined) return;
  try {
    if (informationOf(last, path).isReadOnly) throw namedError("replace", path, "EACCES", 0);
    copyAccessList(last, handle, path);
  } finally {
    kernel32().CloseHandle(last);
  }
}

/** False if the name is taken and is not to be replaced. */
function rename(
  handle: number,
  own: string,
  full: string,
  path: string,
  replace: boolean,
): boolean {
  const { GetLastError, MoveFileExW, SetFileInformationByHandle } = kernel32();
  const information = renameInformation(full, replace);
  const [from, to] = [wideString(own), wideString(full)];
  const flags = MOVEFILE_WRITE_THROUGH | (replace ? MOVEFILE_REPLACE_EXISTING : 0);
  let [done, failure] = [false, 0];
  const tryOnce = () => {
    // SAFETY: `information` is a whole FILE_RENAME_INFO, and both paths end with NUL.
    done = SetFileInformationByHandle(
          handle,
          FILE_RENAME_INFO_EX,
          information,
          information.length,
        ) !== 0 ||
      // Windows before 10, FAT and network drives.
      MoveFileExW(from, to, flags) !== 0;
    if (!done) failure = GetLastError();
    return done || ![ERROR_ACCESS_DENIED, ERROR_SHARING_VIOLATION].includes(failure);
  };
  const neverWoken = new Int32Array(new SharedArrayBuffer(4));
  for (let delay = 1; !tryOnce() && delay < BUSY_MS; delay *= 2) {
    Atomics.wait(neverWoken, 0, 0, delay);
  }
  if (done) return true;
  if (!replace && [ERROR_ALREADY_EXISTS, ERROR_FILE_EXISTS].includes(failure)) return false;
  throw windowsError("replace", path, failure);
}

/** Removes the new files that killed writers of a file have left beside it. */
export function removeLeftovers(path: string): void {
  const full = fullPath(path);
  const end = full.lastIndexOf("\\") + 1;
  const [folder, name] = [full.slice(0, end), full.slice(end)];
  const found = new Uint8Array(FOUND_FILE_BYTES);
  const { FindFirstFileW, FindNextFileW, FindClose, DeleteFileW } = kernel32();
  // SAFETY: `found` is as long as a `WIN32_FIND_DATAW`.
  const search = FindFirstFileW(wideString(`${full}.*`), found);
  if (search === INVALID_HANDLE) return; // There are none, or this user may not list the folder.
  try {
    do {
      const leftover = foundFile(found);
      if (leftover === undefined || !isPrivateName(leftover, name)) continue;
      DeleteFileW(wideString(`${folder}${leftover}`));
    } while (FindNextFileW(search, found) !== 0);
  } finally {
    FindClose(search);
  }
}
