import { syncFolder } from "../runtime/files/folders.ts";
import { futexWait, futexWake } from "../runtime/waiting/futex.ts";
import type { LockFile } from "../runtime/file_locks/lock_file.ts";
import { type Mapping, PAGE, unmap } from "../runtime/files/mapping.ts";
import { COMMIT_BYTES, mapCommitFile, openCommitFile } from "./commit_file.ts";
import { SharedSync } from "./shared_sync.ts";

/** An open file that follows its path. */
export interface SyncedFile {
  readonly file: LockFile;
  /** Opens the file that has the path now. */
  follow(): void;
}

/** The syncs that the adders of a durable counter share, by a small file beside the counter. */
export class GroupCommit {
  readonly #counter: SyncedFile;
  readonly #file: LockFile;
  readonly #mapping: Mapping;
  readonly #shared: SharedSync;
  /** The open file of the counter if its name is known to be on the storage. */
  #named: LockFile | undefined;

  /**
   * Opens the file beside the counter, `PATH.commit`; makes it if it is missing.
   *
   * @param isShared Whether, if it is made, the users of the counter may use it, not only this
   * user.
   * @throws {Error} If it has other contents, or if other users may write to it than to the
   * counter.
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
    // SAFETY: the file has COMMIT_BYTES bytes of reserved space, and PAGE bytes are mapped, until
    // `close`.
    const words = new Int32Array(buffer, base, COMMIT_BYTES / 4);
    // SAFETY: the words are in the mapping, which stays until `close`.
    const addressOf = (index: number) => this.#mapping.address + 4 * index;
    this.#shared = new SharedSync({
      words,
      sleep: (index, expected, time) => void futexWait(addressOf(index), expected, time),
      wakeAll: (index) => void futexWake(addressOf(index), 2 ** 31 - 1),
      tryLead: () => this.#file.tryLock(false),
      endLead: () => this.#file.unlock(),
      sync: () => this.#sync(),
    });
  }

  /** Gives a write its number. The caller must have made it just now, and still hold the lock. */
  written(): number {
    return this.#shared.written();
  }

  /**
   * Returns when a write is on the storage. Blocks the thread.
   *
   * @param number The result of {@linkcode written} for it.
   */
  await(number: number): void {
    this.#shared.await(number);
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
}
