import { networkFileSystem } from "../runtime/files/file_status.ts";
import type { LockFile, LockMechanism } from "../runtime/file_locks/lock_file.ts";

/** The abilities of a {@linkcode FileLock} on this system and file system. */
export interface FileLockCapabilities {
  /**
   * How the file is locked: by flock(2), a range by fcntl(2), by `LockFileEx` of Windows, or by
   * Deno's own file lock if foreign functions are missing. Windows is tested under Wine 10; the
   * code for macOS follows its documentation.
   */
  readonly mechanism: LockMechanism;
  /**
   * How a waiter learns that the lock is free: the kernel wakes it (Linux), or it tries again after
   * 1 ms, 2 ms and so on, at most 64 ms (macOS, Windows, Deno's own lock). The tasks that wait for
   * the lock of a descriptor try every 4 ms.
   */
  readonly waiting: "kernel" | "polled";
  /** Whether the file may be written to: if not, there is no record and no token. */
  readonly writable: boolean;
  /**
   * The network file system that the file is on; `undefined` if it is on this machine. On a network
   * file system, the client and the server decide which machines a lock excludes.
   *
   * - `nfs`: the clients of one server, unless it is mounted with `nolock` or `local_lock`. A file must
   *   be writable to be locked exclusively. `owner()` may be out of date, since a client reads a file
   *   again only after it has locked it. If the server hands out delegations, two mounts of one
   *   server on one machine with `nosharecache` lose updates.
   * - `fuse`, `9p` and `afs`: often this machine alone.
   */
  readonly network: string | undefined;
}

/** The capabilities of an open lock file. */
export function capabilitiesOf(
  { mechanism, fd, writable, isBorrowed }: LockFile,
): FileLockCapabilities {
  return {
    mechanism,
    waiting: fd === undefined || isBorrowed ? "polled" : "kernel",
    writable,
    network: fd === undefined ? undefined : networkFileSystem(fd),
  };
}
