import { syncFolder } from "../runtime/files/folders.ts";
import { futexWait, futexWake } from "../runtime/waiting/futex.ts";
import type { LockFile } from "../runtime/file_locks/lock_file.ts";
import { type Mapping, PAGE, unmap } from "../runtime/files/mapping.ts";
import { COMMIT_BYTES, mapCommitFile, openCommitFile } from "./commit_file.ts";

// The shared words, by their index.
const WRITTEN = 32;
const SYNCED = 64;
/** Counted up at the end of each sync; waiters sleep on it. */
const EVENT = 96;
/** How many adders the last group had, with those that wrote during its sync. */
const CROWD = 97;
/** The duration of the last sync, in microseconds. */
const SYNC_TOOK = 98;
/** Not 0 if the leader is stopped: it holds the lock, and has synced nothing for a long time. */
const STOPPED = 99;

/** The share of the duration of the last sync for which a leader waits for more adders. */
const WAIT_SHARE = 0.5;
/** The interval at which waiters check whether there is a leader: it may have been killed. */
const LOOK_MS = 5;
/** A leader that takes longer than this, and 8 times as long as the last sync, may be stopped. */
const STOPPED_MS = 200;
const STOPPED_SYNCS = 8;
/** The longest time until the waiters of a stopped leader go on. */
const LONGEST_MS = 10_000;

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
 * much; a waiter leads instead. If it is stopped (SIGSTOP), each adder syncs for itself after a while,
 * until the leader goes on: any sync counts for all writes before it, whatever process makes it. The file need not survive a loss of power: whatever it says, a new
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
      this.#mapping = mapCommitFile(this.#file, counter.file);
    } catch (error) {
      this.#file.close();
      throw error;
    }
    const { buffer, base } = this.#mapping;
    // SAFETY: the file has COMMIT_BYTES bytes of reserved space, and PAGE bytes are mapped, until `close`.
    this.#words = new Int32Array(buffer, base, COMMIT_BYTES / 4);
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
    try {
      this.#await(number);
    } catch (error) {
      throw Object.assign(error as Error, { mayHaveHappened: true });
    }
  }

  #await(number: number): void {
    const words = this.#words;
    let patience: Patience | undefined;
    for (let mustWait = true;;) {
      const event = Atomics.load(words, EVENT);
      if (this.#isSynced(number)) return;
      const mayLead = !mustWait || this.#isGroupComplete();
      if (mayLead && this.#file.tryLock(false)) {
        try {
          if (!this.#isSynced(number)) this.#lead();
          Atomics.store(words, STOPPED, 0);
        } finally {
          try {
            this.#file.unlock();
          } finally {
            this.#wake(); // After the unlock, so that no waiter that finds it locked misses this.
          }
        }
      } else if (mayLead && (patience ??= new Patience(words)).isOver(event)) {
        Atomics.store(words, STOPPED, 1);
        this.#syncWritten();
        this.#wake();
      } else {
        const share = WAIT_SHARE * Atomics.load(words, SYNC_TOOK) / 1000;
        const time = mayLead ? LOOK_MS : Math.max(0, Math.min(share, LOOK_MS));
        // SAFETY: the word is in the mapping, which stays until `close`.
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

  #wake(): void {
    Atomics.add(this.#words, EVENT, 1);
    // SAFETY: the word is in the mapping, which stays until `close`.
    futexWake(this.#mapping.address + 4 * EVENT, 2 ** 31 - 1);
  }

  #lead(): void {
    const words = this.#words;
    const synced = Atomics.load(words, SYNCED);
    const began = performance.now();
    this.#syncWritten();
    Atomics.store(words, SYNC_TOOK, (performance.now() - began) * 1000);
    Atomics.store(words, CROWD, Atomics.load(words, WRITTEN) - synced);
  }

  /** Syncs all writes so far. Others may do the same at the same time. */
  #syncWritten(): void {
    const words = this.#words;
    const written = Atomics.load(words, WRITTEN);
    this.#sync();
    for (;;) {
      const synced = Atomics.load(words, SYNCED);
      if ((synced - written | 0) >= 0) return;
      if (Atomics.compareExchange(words, SYNCED, synced, written) === synced) return;
    }
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

/** How long an adder waits for a leader from which it hears nothing. */
class Patience {
  readonly #words: Int32Array;
  #event: number | undefined;
  #until = 0;

  constructor(words: Int32Array) {
    this.#words = words;
  }

  /** Whether the leader counts as stopped: `event` has been the last one for too long. */
  isOver(event: number): boolean {
    if (Atomics.load(this.#words, STOPPED) !== 0) return true;
    const now = performance.now();
    if (event === this.#event) return now >= this.#until;
    this.#event = event;
    const usual = STOPPED_SYNCS * Math.max(0, Atomics.load(this.#words, SYNC_TOOK) / 1000);
    this.#until = now + Math.min(STOPPED_MS + usual, LONGEST_MS);
    return false;
  }
}
