import { networkFileSystem } from "../runtime/file_system.ts";
import type { LockFile, LockMechanism } from "../runtime/lock_file.ts";

/** What a {@linkcode FileLock} can do here. */
export interface FileLockCapabilities {
  /**
   * What locks the file: flock(2), a range by fcntl(2), `LockFileEx` of Windows, or Deno's own file
   * lock where foreign functions are missing. Linux is what is tested; macOS and Windows are written
   * against their documentation.
   */
  readonly mechanism: LockMechanism;
  /**
   * How a waiter learns that its turn has come: the kernel wakes it (Linux), or it tries again after
   * 1 ms, 2 ms and so on, at most 64 ms: on macOS and Windows, and by Deno's own lock.
   */
  readonly waiting: "kernel" | "polled";
  /** Whether a record and a token may be entered: not in a file that may not be written to. */
  readonly writable: boolean;
  /**
   * The network file system that the file is on; `undefined` where it is on this machine. There, a
   * lock holds as far as client and server agree on it.
   *
   * - `nfs`: among the clients of one server, unless it is mounted with `nolock` or `local_lock`. A
   *   file must be writable to be locked exclusively. `owner()` may be out of date: a client looks
   *   at a file anew when it has locked it. Two mounts of one server on one machine by `nosharecache` lose updates where the
   *   server hands out delegations.
   * - `fuse`, `9p` and `afs`: often on this machine alone.
   */
  readonly network: string | undefined;
}

/** The capabilities of an open lock file. */
export function capabilitiesOf({ mechanism, fd, writable }: LockFile): FileLockCapabilities {
  return {
    mechanism,
    waiting: fd === undefined ? "polled" : "kernel",
    writable,
    network: fd === undefined ? undefined : networkFileSystem(fd),
  };
}
