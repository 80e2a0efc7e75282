import { O_CLOEXEC, O_CREAT, O_EXCL, O_NOCTTY, O_RDONLY } from "../src/runtime/c/constants.ts";
import { EEXIST, EISDIR, ENOENT, errno, systemError } from "../src/runtime/c/errno.ts";
import { libc } from "../src/runtime/c/libc.ts";
import type { ByteRange } from "../src/runtime/file_locks/byte_range.ts";
import { DescriptorLockFile } from "../src/runtime/file_locks/descriptor_lock_file.ts";
import type { LockFile } from "../src/runtime/file_locks/lock_file.ts";
import { RangeRequests } from "../src/runtime/file_locks/range_lock.ts";
import { absolutePath } from "../src/runtime/files/absolute_path.ts";
import { followedStatus } from "../src/runtime/files/file_status.ts";
import { makeFolders } from "../src/runtime/files/folders.ts";
import { systemBytes } from "../src/runtime/paths/path_bytes.ts";

/** The mode of new files, as in flock(1): the umask decides which users may lock them. */
const MODE = 0o666;

/** What to lock: a file of any kind, a folder, or the open file of a descriptor of the shell. */
export interface Target {
  readonly file: DescriptorLockFile;
  /** How it is locked: as a whole by flock(2), or a range by fcntl(2). */
  readonly lock: Pick<LockFile, "tryLock" | "waitLock" | "unlock">;
  /** Whether this process has made the file. */
  readonly isNew: boolean;
}

/**
 * Opens what a path leads to as flock(1) does: follows links, creates a missing file, waits for the
 * other end of a pipe.
 *
 * @param flags For reading alone if possible: the command may run the file, which no process may
 * have open for writing then.
 */
export function openTarget(path: string, range: ByteRange | undefined, flags: number): Target {
  const { fd, isNew } = openOrMake(path, flags);
  return targetOf(new DescriptorLockFile(fd, path), range, isNew);
}

/** The target of a descriptor that the shell has opened, such as 9 by `9>file`. */
export function inheritedTarget(fd: number, range: ByteRange | undefined): Target {
  return targetOf(new DescriptorLockFile(fd, `descriptor ${fd}`), range, false);
}

/** Whether the file was removed or replaced, so that a lock on it excludes no other process. */
export function isReplaced({ file }: Target): boolean {
  const found = followedStatus(file.path);
  return found === undefined ? errno() === ENOENT : found.id !== file.id;
}

function targetOf(
  file: DescriptorLockFile,
  range: ByteRange | undefined,
  isNew: boolean,
): Target {
  if (range === undefined) return { file, lock: file, isNew };
  const { fd, path } = file;
  const requests = new RangeRequests(range);
  return {
    file,
    isNew,
    lock: {
      tryLock: (shared) => requests.tryLock(fd, path, shared),
      waitLock: (shared, goOn) => requests.waitLock(fd, path, goOn, shared),
      unlock: () => requests.unlock(fd, path),
    },
  };
}

function openOrMake(path: string, flags: number): { readonly fd: number; readonly isNew: boolean } {
  const bytes = systemBytes(path);
  const open = (more: number) => {
    // SAFETY: `bytes` ends with NUL.
    const fd = libc.open(bytes, flags | more | O_NOCTTY | O_CLOEXEC, MODE);
    return { fd, failure: fd < 0 ? errno() : 0 };
  };
  let { fd, failure } = open(0);
  // A folder is opened for reading only, even to lock a range of it.
  if (failure === EISDIR) ({ fd, failure } = openFolder(bytes));
  for (let tries = 0; failure === ENOENT && tries < 2; tries++) {
    if (tries > 0) makeFolders(absolutePath(path));
    ({ fd, failure } = open(O_CREAT | O_EXCL));
    if (fd >= 0) return { fd, isNew: true };
    // Another process has made it, or a link leads to no file.
    if (failure === EEXIST) ({ fd, failure } = open(O_CREAT));
  }
  if (fd < 0) throw systemError("open", path, failure);
  return { fd, isNew: false };
}

function openFolder(path: Uint8Array): { readonly fd: number; readonly failure: number } {
  // SAFETY: `path` ends with NUL.
  const fd = libc.open(path, O_RDONLY | O_NOCTTY | O_CLOEXEC, 0);
  return { fd, failure: fd < 0 ? errno() : 0 };
}
