import type { ByteRange } from "./byte_range.ts";

/**
 * How a file is locked: flock(2); for a range of it, the locks of open files of fcntl(2);
 * `LockFileEx` of Windows; or Deno's own file lock.
 */
export type LockMechanism = "flock" | "ofd-range" | "lock-file-ex" | "deno-fs-file";

/** An open file that can be locked: each one excludes all others, of any thread or process. */
export interface LockFile {
  /** The path that it was opened by. */
  readonly path: string;
  /** How it is locked. */
  readonly mechanism: LockMechanism;
  /** The descriptor, for a helper thread to wait on; `undefined` if waits must be polled. */
  readonly fd: number | undefined;
  /** The part that is locked; `undefined` for the whole file. */
  readonly range: ByteRange | undefined;
  /** The same for all open files that exclude each other. */
  readonly id: string;
  /** Whether it may be written to. */
  readonly writable: boolean;
  /**
   * Whether it is the open file of a descriptor of the caller, so that it cannot be opened again.
   */
  readonly isBorrowed?: boolean;
  /**
   * Tries to lock it. If it is locked already, changes the mode; if a shared lock cannot become
   * exclusive, for example because another process shares it, it is lost.
   */
  tryLock(shared: boolean): boolean;
  /** Waits for the lock, as long as `goOn` returns true; calls that at least every 50 ms. */
  waitLock(shared: boolean, goOn: () => boolean): boolean;
  /** Releases the lock. */
  unlock(): void;
  /** Whether its path still leads to this file; not after it was removed, renamed or replaced. */
  isCurrent(): boolean;
  /** Opens the file that its path leads to now, to lock it in the same way. */
  reopen(): LockFile;
  /** Reads at an offset; returns how many bytes there were. */
  read(bytes: Uint8Array, offset: number): number;
  /** Writes all of `bytes` at an offset. */
  write(bytes: Uint8Array, offset: number): void;
  /** Returns when all that was written is on the storage, unless the storage lies. */
  sync(): void;
  /** Releases the lock, if it is held, and closes the file. */
  close(): void;
}
