import { UnsupportedError } from "../contract/errors.ts";
import { folderOf } from "../runtime/files/folders.ts";
import { makeFile } from "../runtime/files/make_file.ts";
import { reserve } from "../runtime/files/open_file.ts";
import {
  type FileStatus,
  followedStatus,
  statusAt,
  statusOf,
  writers,
} from "../runtime/files/file_status.ts";
import { userId } from "../runtime/identity/thread_identity.ts";
import type { LockFile } from "../runtime/file_locks/lock_file.ts";
import { openLockFile } from "../runtime/file_locks/open_lock_file.ts";
import { mapFile, type Mapping, PAGE } from "../runtime/files/mapping.ts";
import { quotePath } from "../runtime/paths/path_bytes.ts";

const MARK = new TextEncoder().encode("interlock commit\n");
/** The length of the file. */
export const COMMIT_BYTES = 4096;

/**
 * Opens the file beside a counter by which its adders share syncs; makes it if it is missing.
 *
 * @param isShared Whether, if it is made, the users of the counter may use it, not only this user.
 */
export function openCommitFile({ fd, path }: LockFile, isShared: boolean): LockFile {
  const commit = `${path}.commit`;
  if (fd === undefined) {
    throw new UnsupportedError(
      `Cannot make the counts of ${quotePath(path)} durable: that needs foreign functions`,
    );
  }
  if (statusAt(commit) === undefined) {
    // By the counter, not by its options: it may have existed with another mode and another group.
    const { mode, group } = statusOf(fd, path);
    const access = isShared ? { mode: mode & 0o666 | 0o600, group } : undefined;
    const contents = new Uint8Array(COMMIT_BYTES);
    contents.set(MARK);
    // In one step, so that a process that is stopped meanwhile keeps no other one waiting.
    makeFile(commit, contents, access);
  }
  return openLockFile(commit, undefined, false);
}

/**
 * Checks and marks the file, and maps it by a second open file. A mapping keeps its open file
 * beyond the end of the thread, so a lock on that one would stay as well.
 */
export function mapCommitFile(file: LockFile, counter: LockFile): Mapping {
  const { path } = file;
  const fd = file.fd!;
  checkWriters(file, statusOf(fd, path), statusOf(counter.fd!, counter.path));
  // Without the lock if possible: a leader may hold it for the time of a sync.
  if (!isMarked(file)) {
    file.waitLock(false, () => true);
    try {
      if (!isMarked(file)) {
        // SAFETY: a write to a mapped page for which the storage has no space ends the process.
        reserve(fd, path, COMMIT_BYTES);
        file.write(MARK, 0);
      }
    } finally {
      file.unlock();
    }
  }
  const mapped = file.reopen();
  try {
    if (mapped.id === file.id) return mapFile(mapped.fd!, path, PAGE);
  } finally {
    mapped.close();
  }
  throw new Error(
    `Cannot share syncs by ${quotePath(path)}: it was replaced meanwhile. Open the counter again`,
  );
}

/**
 * Throws if users may write to the file that may not write to the counter.
 *
 * SAFETY: such a user could mark a write as synced that is not, or truncate the file, which ends
 * the processes that map it.
 */
function checkWriters({ path }: LockFile, found: FileStatus, counter: FileStatus): void {
  const owners = [userId(), counter.user, 0];
  const isOurs = (folder: string) => {
    const [last, found] = [statusAt(folder), followedStatus(folder)]; // It may be a link.
    return last !== undefined && found !== undefined && owners.includes(last.user) &&
      owners.includes(found.user) && !othersMayWrite(found, counter);
  };
  const flaw = othersMayWrite(found, counter)
    ? `other users may write to it, but not to the counter: its mode is ${found.mode.toString(8)}`
    // Another writer of the counter may have made it, if no other user can have made it.
    : !owners.includes(found.user) && !isOurs(folderOf(path))
    ? `it belongs to user ${found.user}`
    : undefined;
  if (flaw !== undefined) {
    throw new Error(
      `Cannot use ${
        quotePath(path)
      } to share syncs: ${flaw}. Remove it, and let the owner of the ` +
        "counter open it first",
    );
  }
}

/**
 * Whether a file or folder lets users write, besides its owner, that may not write to the counter.
 */
function othersMayWrite(found: FileStatus, counter: FileStatus): boolean {
  const allowed = (counter.mode & 0o002) !== 0
    ? 0o022
    : found.group === counter.group
    ? counter.mode & 0o020
    : 0;
  return (writers(found) & ~allowed) !== 0;
}

/** Whether the file has the mark; false if it is new. */
function isMarked(file: LockFile): boolean {
  const found = new Uint8Array(COMMIT_BYTES);
  const length = file.read(found, 0);
  if (length === COMMIT_BYTES && MARK.every((byte, i) => byte === found[i])) return true;
  // A loss of power can leave zeros.
  if (MARK.every((byte, i) => found[i] === 0 || found[i] === byte)) return false;
  throw new Error(
    `Cannot use ${quotePath(file.path)} to share syncs: it has other contents. Remove it`,
  );
}
