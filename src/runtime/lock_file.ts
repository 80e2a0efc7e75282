import { UnsupportedError } from "../contract/errors.ts";
import { adapter } from "./adapter.ts";
import { DarwinLockFile } from "./darwin_lock_file.ts";
import { NativeLockFile } from "./native_lock_file.ts";
import { quotePath } from "./path_bytes.ts";
import type { ByteRange } from "./range_lock.ts";
import { WindowsLockFile } from "./windows_lock_file.ts";

/**
 * How a system locks a file: flock(2); a range of it by fcntl(2)'s locks of open files; `LockFileEx`
 * of Windows; or what Deno has of its own.
 */
export type LockMechanism = "flock" | "ofd-range" | "lock-file-ex" | "deno-fs-file";

/** An open file that can be locked: each one excludes every other, whoever opened it. */
export interface LockFile {
  /** The path it was opened by. */
  readonly path: string;
  /** What locks it. */
  readonly mechanism: LockMechanism;
  /** The descriptor, for a helper thread to wait on; `undefined` where waits must be polled. */
  readonly fd: number | undefined;
  /** The part that is locked; `undefined` for the whole file. */
  readonly range: ByteRange | undefined;
  /** The same for all open files that exclude each other. */
  readonly id: string;
  /** Whether something may be written into it. */
  readonly writable: boolean;
  /**
   * Tries to lock it; on a lock that is held, changes the mode. Where a shared one cannot be made
   * exclusive, it is lost, as where somebody else shares it.
   */
  tryLock(shared: boolean): boolean;
  /** Waits for the lock for as long as `goOn`, asked at least every 50 ms, says so. */
  waitLock(shared: boolean, goOn: () => boolean): boolean;
  /** Gives the lock back. */
  unlock(): void;
  /** Whether its path still leads to this file; not after it was removed, renamed or replaced. */
  isCurrent(): boolean;
  /** Opens what its path leads to now, to be locked in the same way. */
  reopen(): LockFile;
  /** Reads at an offset; returns how many bytes there were. */
  read(bytes: Uint8Array, offset: number): number;
  /** Writes all of `bytes` at an offset. */
  write(bytes: Uint8Array, offset: number): void;
  /** Returns when what was written is on the storage, as far as that tells the truth. */
  sync(): void;
  /** Gives the lock back, if it is held, and closes the file. */
  close(): void;
}

type Opener = (
  path: string,
  range?: ByteRange,
  create?: boolean,
  write?: boolean,
) => LockFile;

/** The opener of lock files for an operating system; `undefined` for an unknown system. */
export function openerFor(platform: string): Opener | undefined {
  if (platform === "linux") {
    return (path, range, create, write) => new NativeLockFile(path, range, create, write);
  }
  if (platform === "darwin") return (path, range) => new DarwinLockFile(path, range);
  if (platform === "win32") return (path, range) => new WindowsLockFile(path, range);
  return undefined;
}

const openNative = openerFor(adapter.platform);

/**
 * Opens a file to lock it; makes it, and the folders on the way, where they are missing. Without
 * foreign functions by what the runtime itself has.
 *
 * @param create False where a file that is missing is an error, also when it is opened again.
 * @param write False to open it read-only, on Linux.
 * @throws {TypeError} If it is not a regular file.
 * @throws {UnsupportedError} If nothing here can lock a file, or not a range of it.
 * @throws {Error} With the `code` of the system.
 */
export function openLockFile(
  path: string,
  range?: ByteRange,
  create = true,
  write = true,
): LockFile {
  try {
    if (openNative !== undefined) return openNative(path, range, create, write);
    throw new UnsupportedError(
      `Cannot lock ${quotePath(path)} on ${adapter.platform}: Linux, macOS and Windows are known`,
    );
  } catch (error) {
    const open = adapter.openLockFile;
    if (!(error instanceof UnsupportedError) || open === undefined || range !== undefined) {
      throw error;
    }
    return open(path);
  }
}
