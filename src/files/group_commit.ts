import { UnsupportedError } from "../contract/errors.ts";
import { syncFolder } from "../runtime/durable.ts";
import { type FileStatus, reserve, statusOf, writers } from "../runtime/files.ts";
import { futexWait, futexWake } from "../runtime/futex.ts";
import { userId } from "../runtime/identity.ts";
import { type LockFile, openLockFile } from "../runtime/lock_file.ts";
import { mapFile, type Mapping, PAGE, unmap } from "../runtime/mapping.ts";
import type { TrackedLockFile } from "./tracked_lock_file.ts";

const MARK = new TextEncoder().encode("interlock commit\n");
const BYTES = 4096;

// The shared words, by their index.
const WRITTEN = 32;
const SYNCED = 64;
/** Goes up at the end of each sync; those who wait sleep on it. */
const EVENT = 96;
/** How many were at it when the last sync ended. */
const CROWD = 97;
/** What the last sync took, in microseconds. */
const SYNC_TOOK = 98;

/** A leader waits for those who are on their way for this share of what the last sync took. */
const PATIENCE = 0.5;
/** After so long, who waits looks whether there is a leader at all: one may have been killed. */
const LOOK_MS = 5;

/**
 * One fdatasync(2) for the writes of many. Each write under the counter's lock gets a number, the
 * next one. Whoever has the lock on a small file beside the counter is the leader, and syncs for
 * all that have been written until then; the others sleep on a word of that file, which is mapped,
 * and are woken together. Those who write during a sync are the group of the next.
 *
 * A leader that is killed leaves a lock that the kernel frees, and numbers that say too little,
 * never too much; one of those who wait leads instead. Nothing in the file has to survive a loss
 * of power: whatever it says, a new number is greater than those that it calls synced.
 */
export class GroupCommit {
  readonly #counter: TrackedLockFile;
  readonly #file: LockFile;
  readonly #mapping: Mapping;
  readonly #words: Int32Array;
  /** The open file of the counter whose name is known to be on the storage. */
  #named: LockFile | undefined;

  /**
   * Opens the file beside the counter, `PATH.commit`; makes it where it is missing.
   *
   * @throws {Error} If it has other contents, or others may write to it than to the counter.
   */
  constructor(counter: TrackedLockFile) {
    this.#counter = counter;
    this.#file = openLockFile(`${counter.file.path}.commit`);
    try {
      this.#mapping = prepare(this.#file, counter.file);
    } catch (error) {
      this.#file.close();
      throw error;
    }
    const { buffer, base } = this.#mapping;
    this.#words = new Int32Array(buffer, base, BYTES / 4);
  }

  /** Counts a write that was made just now, under the lock of the counter; gives its number. */
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
   * @param number What {@linkcode written} gave for it.
   */
  await(number: number): void {
    const words = this.#words;
    for (let patient = true;;) {
      const event = Atomics.load(words, EVENT);
      if (this.#isSynced(number)) return;
      const mayLead = !patient || this.#areAllThere();
      if (mayLead && this.#file.tryLock(false)) {
        try {
          if (!this.#isSynced(number)) this.#lead();
        } finally {
          try {
            this.#file.unlock();
          } finally {
            // After the unlock, so that a waiter that finds the lock taken does not miss the wake.
            Atomics.add(words, EVENT, 1);
            futexWake(this.#mapping.address + 4 * EVENT, 2 ** 31 - 1);
          }
        }
      } else {
        const patience = PATIENCE * Atomics.load(words, SYNC_TOOK) / 1000;
        const time = mayLead ? LOOK_MS : Math.max(0, Math.min(patience, LOOK_MS));
        futexWait(this.#mapping.address + 4 * EVENT, event, time);
        patient = Atomics.load(words, EVENT) !== event;
      }
    }
  }

  /** The counter. */
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

  /** On the storage is then all that was written before to the file that has the name now. */
  #sync(): void {
    this.#counter.follow();
    const { file } = this.#counter;
    file.sync();
    if (this.#named === file) return;
    // New, or put there by an editor: its name has to be on the storage, too.
    syncFolder(file.path);
    this.#named = file;
  }

  /** As many as there were last time are on their way again: the last of them leads. */
  #areAllThere(): boolean {
    const count = Atomics.load(this.#words, WRITTEN) - Atomics.load(this.#words, SYNCED) | 0;
    return count >= Atomics.load(this.#words, CROWD);
  }

  #isSynced(number: number): boolean {
    return (Atomics.load(this.#words, SYNCED) - number | 0) >= 0;
  }
}

/**
 * Prepares the file, and maps a second opening of it: a mapping keeps its open file, and with it
 * the lock, beyond the end of the thread.
 */
function prepare(file: LockFile, counter: LockFile): Mapping {
  const { fd, path } = file;
  if (fd === undefined) {
    throw new UnsupportedError(
      `Cannot make the counts of "${path}" durable: that needs foreign functions`,
    );
  }
  checkWriters(file, statusOf(fd, path), statusOf(counter.fd!, counter.path));
  // A leader may have the lock for long.
  if (!isMarked(file)) {
    file.waitLock(false, () => true);
    try {
      if (!isMarked(file)) {
        reserve(fd, path, BYTES); // A mapped file without space for it would end the process.
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
    `Cannot share syncs by "${path}": it was replaced meanwhile. Open the counter again`,
  );
}

/**
 * A process that can write to the file can mark a write as synced that is not, or shorten the file,
 * which ends the processes that map it. So only users that can write to the counter may write to
 * it.
 */
function checkWriters({ path }: LockFile, found: FileStatus, counter: FileStatus): void {
  const flaw = ![userId(), counter.user, 0].includes(found.user)
    ? `it belongs to user ${found.user}`
    : (writers(found) & ~counter.mode) !== 0
    ? `others may write to it, but not to the counter: its mode is ${found.mode.toString(8)}`
    : undefined;
  if (flaw !== undefined) {
    throw new Error(`Cannot use "${path}" to share syncs: ${flaw}. Remove it`);
  }
}

/** False of a new file. */
function isMarked(file: LockFile): boolean {
  const found = new Uint8Array(BYTES);
  const length = file.read(found, 0);
  if (length === BYTES && MARK.every((byte, i) => byte === found[i])) return true;
  // Zeros are what a loss of power can leave.
  if (MARK.every((byte, i) => found[i] === 0 || found[i] === byte)) return false;
  throw new Error(`Cannot use "${file.path}" to share syncs: it has other contents. Remove it`);
}
