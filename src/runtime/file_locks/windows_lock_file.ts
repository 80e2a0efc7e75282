import { namedError } from "../c/errno.ts";
import { quotePath } from "../paths/path_bytes.ts";
import { waitByTrying } from "../waiting/wait_by_trying.ts";
import {
  FILE_READ_ATTRIBUTES,
  GENERIC_READ,
  GENERIC_WRITE,
  kernel32,
  LOCKFILE_EXCLUSIVE_LOCK,
  LOCKFILE_FAIL_IMMEDIATELY,
  meansLocked,
  OPEN_ALWAYS,
  OPEN_EXISTING,
  windowsError,
} from "../windows/kernel32.ts";
import {
  informationOf,
  makeFolders,
  readAt,
  syncData,
  tryOpen,
  writeAt,
} from "../windows/open_handle.ts";
import { fullPath } from "../windows/paths.ts";
import type { ByteRange } from "./byte_range.ts";
import type { LockFile } from "./lock_file.ts";
import { type Region, regionOf } from "./windows_region.ts";

/** As an unsigned number: JavaScript's `|` makes a negative one of bit 31. */
const READ_AND_WRITE = (GENERIC_READ | GENERIC_WRITE) >>> 0;

/**
 * Opens for writing if that is allowed, else for reading. Tries instead of looking at the numbers
 * of errors, which a runtime may lose.
 */
function open(
  full: string,
  path: string,
  create: boolean,
): { readonly handle: number; readonly writable: boolean } {
  const disposition = create ? OPEN_ALWAYS : OPEN_EXISTING;
  let handle = tryOpen(full, READ_AND_WRITE, disposition);
  if (handle === undefined && create) {
    makeFolders(full);
    handle = tryOpen(full, READ_AND_WRITE, disposition);
  }
  if (handle !== undefined) return { handle, writable: true };
  handle = tryOpen(full, GENERIC_READ, OPEN_EXISTING);
  if (handle === undefined) throw windowsError("open", path, kernel32().GetLastError());
  return { handle, writable: false };
}

/**
 * A file that Windows locks, by LockFileEx. Its own wait could only be ended together with the
 * thread, so a wait here tries again and again.
 */
export class WindowsLockFile implements LockFile {
  readonly path: string;
  readonly mechanism = "lock-file-ex";
  readonly fd = undefined;
  readonly range: ByteRange | undefined;
  readonly id: string;
  readonly writable: boolean;
  readonly #create: boolean;
  readonly #full: string;
  readonly #handle: number;
  readonly #file: string;
  readonly #region: Region;
  #held: "exclusive" | "shared" | undefined;

  /** @param create False if a missing file is an error. */
  constructor(path: string, range?: ByteRange, create = true, full: string = fullPath(path)) {
    this.path = path;
    this.range = range;
    this.#create = create;
    this.#full = full;
    this.#region = regionOf(range);
    const { handle, writable } = open(full, path, create);
    this.#handle = handle;
    try {
      const found = informationOf(handle, path);
      if (found.isLink) throw namedError("open", path, "ELOOP", 0);
      if (!found.isFile) {
        const what = found.isFolder ? "a directory" : "a pipe or a device";
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
   * Tries to lock the file. Exclusive becomes shared without a gap: a handle may add a shared lock
   * to its exclusive one, and the first unlock removes the exclusive one. Shared cannot become
   * exclusive in place, so the shared lock is released and the lock lost.
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
    const handle = tryOpen(this.#full, FILE_READ_ATTRIBUTES, OPEN_EXISTING);
    if (handle === undefined) return false;
    try {
      return informationOf(handle, this.path).id === this.#file;
    } finally {
      kernel32().CloseHandle(handle);
    }
  }

  reopen(): WindowsLockFile {
    return new WindowsLockFile(this.path, this.range, this.#create, this.#full);
  }

  read(bytes: Uint8Array, offset: number): number {
    return readAt(this.#handle, this.path, bytes, offset);
  }

  write(bytes: Uint8Array, offset: number): void {
    writeAt(this.#handle, this.path, bytes, offset);
  }

  sync(): void {
    syncData(this.#handle, this.path);
  }

  close(): void {
    // The system unlocks a closed file only when it has time.
    try {
      this.unlock();
    } finally {
      kernel32().CloseHandle(this.#handle);
    }
  }
}
