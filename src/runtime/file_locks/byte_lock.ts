import { adapter } from "../adapters/adapter.ts";
import { EACCES, EINTR, errno, EWOULDBLOCK } from "../c/errno.ts";
import { libc } from "../c/libc.ts";
import { fileSystemOf } from "../files/file_status.ts";
import { F_OFD_GETLK, F_OFD_SETLK, F_UNLCK, F_WRLCK, lockRequest } from "./range_lock.ts";

/**
 * The file systems on which a mapping keeps its open file, by the numbers that statfs(2) gives. On
 * others, a free byte would prove nothing: a server on the network can lose a lock, and a mapping in
 * overlayfs keeps the file of the layer below.
 */
const KEEPS_OPEN_FILES: ReadonlySet<number> = new Set([
  0x01021994, // tmpfs
  0x2fc12fc1, // ZFS
  0x3153464a, // JFS
  0x52654973, // ReiserFS
  0x58465342, // XFS
  0x858458f6, // ramfs
  0x9123683e, // Btrfs
  0xca451a4e, // bcachefs
  0xef53, // ext2, ext3 and ext4
  0xf2f52010, // F2FS
]);

/** Whether a byte of an open file tells for certain that a mapping has ended. */
function tellsOfMappings(fd: number): boolean {
  return adapter.platform === "linux" && KEEPS_OPEN_FILES.has(fileSystemOf(fd));
}

/**
 * Takes the exclusive lock on one byte of an open file, for the open file description: the kernel
 * keeps it until no descriptor and no mapping refers to that description. So a mapping keeps the lock
 * after the descriptor is closed, in forks of the process as well. The lock ends with the last
 * process that has the mapping, also by `SIGKILL` or exec, or if nothing is left of the mapping.
 *
 * @param fd A descriptor that is open for writing.
 * @param at The offset of the byte, which may be beyond the end of the file; below 2^53.
 * @returns `taken`; `held` if another open file description holds it; `undefined` if the system has no
 * such locks, or none left, or the file system may not keep them: nothing was taken.
 */
export function takeByte(fd: number, at: number): "taken" | "held" | undefined {
  if (!tellsOfMappings(fd)) return undefined;
  const failure = control(fd, F_OFD_SETLK, lockRequest(F_WRLCK, at, 1));
  if (failure === 0) return "taken";
  return failure === EWOULDBLOCK || failure === EACCES ? "held" : undefined;
}

/**
 * Asks whether an open file description other than that of `fd` holds a lock on a byte, in any PID
 * namespace.
 *
 * @param fd A descriptor, which may be open for reading only.
 * @param at The offset of the byte, below 2^53.
 * @returns `undefined` if the system could not be asked, or does not know on this file system.
 */
export function lookAtByte(fd: number, at: number): "held" | "free" | undefined {
  if (!tellsOfMappings(fd)) return undefined;
  const request = lockRequest(F_WRLCK, at, 1);
  if (control(fd, F_OFD_GETLK, request) !== 0) return undefined;
  return request[0] === F_UNLCK ? "free" : "held"; // The kernel writes what it found.
}

/**
 * Makes a request; returns 0 or the error number. A request that failed is made again until it fails
 * twice for the same reason, since the engine may have changed the number.
 */
function control(fd: number, operation: number, request: Uint8Array): number {
  for (let last = 0;;) {
    // SAFETY: these operations of fcntl(2) take a `struct flock`.
    if (libc.fcntl(fd, operation, request) === 0) return 0;
    const failure = errno();
    if (failure !== EINTR && failure === last) return failure;
    last = failure;
  }
}
