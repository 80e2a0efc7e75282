import { namedError } from "../c/errno.ts";
import { checkPath, quotePath } from "../paths/path_bytes.ts";
import { waitByTrying } from "../waiting/wait_by_trying.ts";
import type { ByteRange } from "./byte_range.ts";
import type { LockFile } from "./lock_file.ts";
import {
  extendedPath,
  FILE_INFORMATION_BYTES,
  FILE_READ_ATTRIBUTES,
  FILE_TYPE_DISK,
  type FileInformation,
  fileInformation,
  foldersTo,
  GENERIC_READ,
  GENERIC_WRITE,
  INVALID_HANDLE,
  kernel32,
  LOCKFILE_EXCLUSIVE_LOCK,
  LOCKFILE_FAIL_IMMEDIATELY,
  meansLocked,
  OPEN_ALWAYS,
  OPEN_EXISTING,
  OPEN_FLAGS,
  type Region,
  regionOf,
  SHARE_ALL,
  textOf,
  wideString,
  windowsError,
} from "./windows_calls.ts";

const LONGEST_PATH = 32768;
const count = new Uint32Array(1);
const countBytes = new Uint8Array(count.buffer);
const information = new Uint8Array(FILE_INFORMATION_BYTES);

function fullPath(path: string): string {
  const wide = new Uint8Array(2 * LONGEST_PATH);
  // SAFETY: the length that the call gets is in units of two bytes; it writes no more.
  const length = kernel32().GetFullPathNameW(wideString(checkPath(path)), LONGEST_PATH, wide, 0);
  if (length === 0 || length >= LONGEST_PATH) {
    throw windowsError("find", path, kernel32().GetLastError());
  }
  return extendedPath(textOf(wide, length));
}

/** Opens without security attributes, so that started programs do not inherit the handle. */
function openHandle(wide: Uint8Array, access: number, disposition: number): number {
  // SAFETY: `wide` ends with NUL; the null pointers are documented as allowed.
  return kernel32().CreateFileW(wide, access, SHARE_ALL, 0, disposition, OPEN_FLAGS, 0);
}

/**
 * Opens for writing if that is allowed, else for reading. Tries instead of looking at the numbers of
 * errors, which a runtime may lose.
 */
function open(full: string, path: string): { readonly handle: number; readonly writable: boolean } {
  const wide = wideString(full);
  for (let tries = 0; tries < 2; tries++) {
    const handle = openHandle(wide, GENERIC_READ | GENERIC_WRITE, OPEN_ALWAYS);
    if (handle !== INVALID_HANDLE) return { handle, writable: true };
    if (tries > 0) break;
    for (const folder of foldersTo(full)) kernel32().CreateDirectoryW(wideString(folder), 0);
  }
  const handle = openHandle(wide, GENERIC_READ, OPEN_EXISTING);
  if (handle === INVALID_HANDLE) throw windowsError("open", path, kernel32().GetLastError());
  return { handle, writable: false };
}

function informationOf(handle: number, path: string): FileInformation {
  // SAFETY: `information` is as long as a `BY_HANDLE_FILE_INFORMATION`.
  if (kernel32().GetFileInformationByHandle(handle, information) === 0) {
    throw windowsError("look at", path, kernel32().GetLastError());
  }
  return fileInformation(information);
}

/**
 * A file that Windows locks, by LockFileEx; written against the documentation. Its own wait could
 * only be ended together with the thread, so a wait here tries again and again.
 */
export class WindowsLockFile implements LockFile {
  readonly path: string;
  readonly mechanism = "lock-file-ex";
  readonly fd = undefined;
  readonly range: ByteRange | undefined;
  readonly id: string;
  readonly writable: boolean;
  readonly #full: string;
  readonly #handle: number;
  readonly #file: string;
  readonly #region: Region;
  #held: "exclusive" | "shared" | undefined;

  constructor(path: string, range?: ByteRange, full: string = fullPath(path)) {
    this.path = path;
    this.range = range;
    this.#full = full;
    this.#region = regionOf(range);
    const { handle, writable } = open(full, path);
    this.#handle = handle;
    try {
      const isPlain = kernel32().GetFileType(handle) === FILE_TYPE_DISK;
      const found = isPlain ? informationOf(handle, path) : undefined;
      if (found?.isLink) throw namedError("open", path, "ELOOP", 0);
      if (found === undefined || found.isFolder) {
        const what = found ? "a directory" : "a pipe or a device";
        throw new TypeError(
          `Cannot use ${quotePath(path)} as a lock: it is ${what}, not a regular file`,
        );
      }
      this.writable = writable && !found.isReadOnly;
      this.#file = found.id;
      this.id = `${found.id} ${range ? `${range.start}+${range.length}` : ""}`;
    } catch (error) {
      kernel32().CloseHandle(handle);
      throw error;
    }
  }

  /**
   * Tries to lock the file. Exclusive becomes shared without a gap: a handle may add a shared lock to
   * its exclusive one, and the first unlock removes the exclusive one. Shared cannot become exclusive
   * in place, so the shared lock is released and the lock lost.
   */
  tryLock(shared: boolean): boolean {
    if (this.#held === "shared") {
      if (!shared) this.unlock();
      return shared;
    }
    if (this.#held === "exclusive" && !shared) return true;
    const { lengthLow, lengthHigh, overlapped } = this.#region;
    const flags = LOCKFILE_FAIL_IMMEDIATELY | (shared ? 0 : LOCKFILE_EXCLUSIVE_LOCK);
    const { LockFileEx, GetLastError } = kernel32();
    // SAFETY: the handle is synchronous, so the call has ended with `overlapped` when it returns.
    if (LockFileEx(this.#handle, flags, 0, lengthLow, lengthHigh, overlapped) === 0) {
      const failure = GetLastError();
      if (meansLocked(failure)) return false;
      throw windowsError("lock", this.path, failure);
    }
    if (this.#held === "exclusive") this.unlock();
    this.#held = shared ? "shared" : "exclusive";
    return true;
  }

  waitLock(shared: boolean, goOn: () => boolean): boolean {
    return waitByTrying(() => this.tryLock(shared), goOn);
  }

  unlock(): void {
    if (this.#held === undefined) return;
    const { lengthLow, lengthHigh, overlapped } = this.#region;
    const { UnlockFileEx, GetLastError } = kernel32();
    if (UnlockFileEx(this.#handle, 0, lengthLow, lengthHigh, overlapped) === 0) {
      throw windowsError("unlock", this.path, GetLastError());
    }
    this.#held = undefined;
  }

  isCurrent(): boolean {
    const handle = openHandle(wideString(this.#full), FILE_READ_ATTRIBUTES, OPEN_EXISTING);
    if (handle === INVALID_HANDLE) return false;
    try {
      return informationOf(handle, this.path).id === this.#file;
    } finally {
      kernel32().CloseHandle(handle);
    }
  }

  reopen(): WindowsLockFile {
    return new WindowsLockFile(this.path, this.range, this.#full);
  }

  read(bytes: Uint8Array, offset: number): number {
    this.#seek(offset);
    const { ReadFile, GetLastError } = kernel32();
    // SAFETY: ReadFile writes no more than `bytes.length` bytes, WriteFile reads no more.
    if (ReadFile(this.#handle, bytes, bytes.length, countBytes, 0) === 0) {
      throw windowsError("read", this.path, GetLastError());
    }
    return count[0];
  }

  write(bytes: Uint8Array, offset: number): void {
    this.#seek(offset);
    const { WriteFile, GetLastError } = kernel32();
    for (let rest = bytes; rest.length > 0; rest = rest.subarray(count[0])) {
      if (WriteFile(this.#handle, rest, rest.length, countBytes, 0) === 0) {
        throw windowsError("write", this.path, GetLastError());
      }
    }
  }

  sync(): void {
    if (kernel32().FlushFileBuffers(this.#handle) === 0) {
      throw windowsError("make durable", this.path, kernel32().GetLastError());
    }
  }

  close(): void {
    // The system unlocks a closed file only when it has time.
    try {
      this.unlock();
    } finally {
      kernel32().CloseHandle(this.#handle);
    }
  }

  #seek(offset: number): void {
    if (kernel32().SetFilePointerEx(this.#handle, offset, 0, 0) === 0) {
      throw windowsError("seek in", this.path, kernel32().GetLastError());
    }
  }
}
