import { UnsupportedError } from "../contract/errors.ts";
import { folderOf, syncFolder } from "../runtime/files/folders.ts";
import { reserve } from "../runtime/files/open_file.ts";
import { type FileStatus, statusAt, statusOf, writers } from "../runtime/files/file_status.ts";
import { futexWait, futexWake } from "../runtime/waiting/futex.ts";
import { userId } from "../runtime/identity/thread_identity.ts";
import type { LockFile } from "../runtime/file_locks/lock_file.ts";
import { openLockFile } from "../runtime/file_locks/open_lock_file.ts";
import { mapFile, type Mapping, PAGE, unmap } from "../runtime/files/mapping.ts";
import { quotePath } from "../runtime/paths/path_bytes.ts";

const MARK = new TextEncoder().encode("interlock commit\n");
const BYTES = 4096;

// The shared words, by their index.
const WRITTEN = 32;
const SYNCED = 64;
/** Counted up at the end of each sync; waiters sleep on it. */
const EVENT = 96;
/** How many adders the last group had, with those that wrote during its sync. */
const CROWD = 97;
/** The duration of the last sync, in microseconds. */
const SYNC_TOOK = 98;

/** The share of the duration of the last sync for which a leader waits for more adders. */
const WAIT_SHARE = 0.5;
/** The interval at which waiters check whether there is a leader: it may have been killed. */
const LOOK_MS = 5;

/** An open file that follows its path. */
export interface SyncedFile {
  readonly file: LockFile;
  /** Opens the file that has the path now. */
  follow(): void;
}

/**
 * One fdatasync(2) for the writes of many adders. Each write under the counter's lock gets the next
 * number. The adder that holds the lock on a small file beside the counter is the leader, and syncs
 * all writes so far. The other adders sleep on a word of that file, which all of them map, and are
 * woken together. Writes during a sync are the group of the next one.
 *
 * If the leader is killed, the kernel releases its lock, and the numbers say too little, never too
 * much; a waiter leads instead. The file need not survive a loss of power: whatever it says, a new
 * number is greater than those that it calls synced.
 */
export class GroupCommit {
  readonly #counter: SyncedFile;
  readonly #file: LockFile;
  readonly #mapping: Mapping;
  readonly #words: Int32Array;
  /** The open file of the counter if its name is known to be on the storage. */
  #named: LockFile | undefined;

  /**
   * Opens the file beside the counter, `PATH.commit`; makes it if it is missing.
   *
   * @param isShared Whether, if it is made, the users of the counter may use it, not only this user.
   * @throws {Error} If it has other contents, or if other users may write to it than to the counter.
   */
  constructor(counter: SyncedFile, isShared = false) {
    this.#counter = counter;
    this.#file = openCommitFile(counter.file, isShared);
    try {
      this.#mapping = prepare(this.#file, counter.file);
    } catch (error) {
      this.#file.close();
      throw error;
    }
    const { buffer, base } = this.#mapping;
    // SAFETY: the file has BYTES bytes of reserved space, and PAGE bytes are mapped, until `close`.
    this.#words = new Int32Array(buffer, base, BYTES / 4);
  }

  /** Gives a write its number. The caller must have made it just now, and still hold the lock. */
  written(): number {
    const words = this.#words;
    const written = Atomics.load(words, WRITTEN);
    const synced = Atomics.load(words, SYNCED);
    const number = ((synced - written | 0) > 0 ? synced : written) + 1 | 0;
    Atomics.store(words, WRITTEN, number);
    return number;
  }

  /**
   * Returns when a write is on the storage. Blocks the thread.
   *
   * @param number The result of {@linkcode written} for it.
   */
  await(number: number): void {
    const words = this.#words;
    for (let mustWait = true;;) {
      const event = Atomics.load(words, EVENT);
      if (this.#isSynced(number)) return;
      const mayLead = !mustWait || this.#isGroupComplete();
      if (mayLead && this.#file.tryLock(false)) {
        try {
          if (!this.#isSynced(number)) this.#lead();
        } finally {
          try {
            this.#file.unlock();
          } finally {
            // After the unlock, so that a waiter that finds the lock taken does not miss the wake.
            Atomics.add(words, EVENT, 1);
            // SAFETY: the word is in the mapping, which stays until `close`.
            futexWake(this.#mapping.address + 4 * EVENT, 2 ** 31 - 1);
          }
        }
      } else {
        const share = WAIT_SHARE * Atomics.load(words, SYNC_TOOK) / 1000;
        const time = mayLead ? LOOK_MS : Math.max(0, Math.min(share, LOOK_MS));
        // SAFETY: as for the wake.
        futexWait(this.#mapping.address + 4 * EVENT, event, time);
        mustWait = Atomics.load(words, EVENT) !== event;
      }
    }
  }

  /** The path of the counter. */
  get path(): string {
    return this.#counter.file.path;
  }

  close(): void {
    try {
      unmap(this.#mapping, PAGE);
    } finally {
      this.#file.close();
    }
  }

  #lead(): void {
    const words = this.#words;
    const synced = Atomics.load(words, SYNCED);
    const written = Atomics.load(words, WRITTEN);
    const began = performance.now();
    this.#sync();
    Atomics.store(words, SYNC_TOOK, (performance.now() - began) * 1000);
    Atomics.store(words, SYNCED, written);
    Atomics.store(words, CROWD, Atomics.load(words, WRITTEN) - synced);
  }

  /** Syncs the file that has the path of the counter now. */
  #sync(): void {
    this.#counter.follow();
    const { file } = this.#counter;
    file.sync();
    if (this.#named === file) return;
    // It is new, or an editor has put it there: its name must be on the storage, too.
    syncFolder(file.path);
    this.#named = file;
  }

  /** Whether as many adders have written as last time: the last of them leads. */
  #isGroupComplete(): boolean {
    const count = Atomics.load(this.#words, WRITTEN) - Atomics.load(this.#words, SYNCED) | 0;
    return count >= Atomics.load(this.#words, CROWD);
  }

  #isSynced(number: number): boolean {
    return (Atomics.load(this.#words, SYNCED) - number | 0) >= 0;
  }
}

function openCommitFile({ fd, path }: LockFile, isShared: boolean): LockFile {
  const commit = `${path}.commit`;
  if (!isShared || fd === undefined) return openLockFile(commit);
  // By the counter, not by its options: it may have existed with another mode and another group.
  const { mode, group } = statusOf(fd, path);
  return openLockFile(commit, undefined, true, true, { mode: mode & 0o666 | 0o600, group });
}

/**
 * Prepares the file, and maps it by a second open file. A mapping keeps its open file beyond the end
 * of the thread, so a lock on that one would stay as well.
 */
function prepare(file: LockFile, counter: LockFile): Mapping {
  const { fd, path } = file;
  if (fd === undefined) {
    throw new UnsupportedError(
      `Cannot make the counts of ${quotePath(path)} durable: that needs foreign functions`,
    );
  }
  checkWriters(file, statusOf(fd, path), statusOf(counter.fd!, counter.path));
  // Without the lock if possible: a leader may hold it for the time of a sync.
  if (!isMarked(file)) {
    file.waitLock(false, () => true);
    try {
      if (!isMarked(file)) {
        // SAFETY: a write to a mapped page for which the storage has no space ends the process.
        reserve(fd, path, BYTES);
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
 * SAFETY: such a user could mark a write as synced that is not, or truncate the file, which ends the
 * processes that map it.
 */
function checkWriters({ path }: LockFile, found: FileStatus, counter: FileStatus): void {
  const owners = [userId(), counter.user, 0];
  const isOurs = (file: FileStatus) => owners.includes(file.user) && !othersMayWrite(file, counter);
  const flaw = othersMayWrite(found, counter)
    ? `other users may write to it, but not to the counter: its mode is ${found.mode.toString(8)}`
    // Another writer of the counter may have made it, if no other user can have made it.
    : !owners.includes(found.user) && !isOurs(statusAt(folderOf(path))!)
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

/** Whether a file or folder lets users write, besides its owner, that may not write to the counter. */
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
  const found = new Uint8Array(BYTES);
  const length = file.read(found, 0);
  if (length === BYTES && MARK.every((byte, i) => byte === found[i])) return true;
  // A loss of power can leave zeros.
  if (MARK.every((byte, i) => found[i] === 0 || found[i] === byte)) return false;
  throw new Error(
    `Cannot use ${quotePath(file.path)} to share syncs: it has other contents. Remove it`,
  );
}
