import { bootId } from "../runtime/identity.ts";
import { libc } from "../runtime/libc.ts";
import { type LockFile, openLockFile } from "../runtime/lock_file.ts";

const BYTES = 48;
const WRITTEN_AT = 16;
const SYNCED_AT = 24;
const CROWD_AT = 32;
/** A leader waits for others for this share of what its last sync took. */
const PATIENCE = 0.25;

/**
 * One fdatasync(2) for the writes of many: whoever holds the lock on a file beside the counter
 * syncs for all that have written before, and the others find that out when it lets go. The file
 * holds the name of this boot, how many writes there were, and how many of them are synced; after
 * another boot it counts anew. Nothing in it has to survive a power loss.
 */
export class GroupCommit {
  readonly #file: LockFile;
  readonly #bytes = new Uint8Array(BYTES);
  readonly #numbers = new DataView(this.#bytes.buffer);
  readonly #eight = new Uint8Array(8);
  readonly #eightView = new DataView(this.#eight.buffer);
  #syncTook = 0;

  constructor(path: string) {
    this.#file = openLockFile(path);
  }

  /** Counts a write that was made just now, under the lock of the counter; gives its number. */
  written(): number {
    const boot = bootId();
    const length = this.#file.read(this.#bytes, 0);
    if (length !== BYTES || boot.some((byte, i) => byte !== this.#bytes[i])) {
      this.#bytes.fill(0);
      this.#bytes.set(boot);
      this.#file.write(this.#bytes, 0);
    }
    const number = this.#numbers.getFloat64(WRITTEN_AT, true) + 1;
    this.#put(number, WRITTEN_AT);
    return number;
  }

  /**
   * Returns when a write is on the storage.
   *
   * @param number What {@linkcode written} gave for it.
   * @param sync Syncs the counter.
   * @param underLock Calls what it is given under the lock of the counter.
   */
  await(number: number, sync: () => void, underLock: (body: () => void) => void): void {
    for (;;) {
      if (this.#file.tryLock(false)) {
        try {
          if (this.#read(SYNCED_AT) < number) this.#lead(sync, underLock);
        } finally {
          this.#file.unlock();
        }
        return;
      }
      // All who wait like this are woken together.
      this.#file.waitLock(true, () => true);
      const synced = this.#read(SYNCED_AT);
      this.#file.unlock();
      if (synced >= number) return;
    }
  }

  close(): void {
    this.#file.close();
  }

  #lead(sync: () => void, underLock: (body: () => void) => void): void {
    const synced = this.#read(SYNCED_AT);
    const crowd = this.#read(CROWD_AT);
    let written = 0;
    const count = () => underLock(() => written = this.#read(WRITTEN_AT));
    count();
    // As many as there were last time are on their way again.
    const patience = performance.now() + PATIENCE * this.#syncTook;
    while (written - synced < crowd && performance.now() < patience) {
      libc.sched_yield();
      count();
    }
    const began = performance.now();
    sync();
    this.#syncTook = performance.now() - began;
    this.#put(written, SYNCED_AT);
    let late = 0;
    underLock(() => late = this.#read(WRITTEN_AT) - written);
    this.#put(written - synced + late, CROWD_AT);
  }

  #read(at: number): number {
    this.#eight.fill(0);
    this.#file.read(this.#eight, at);
    return this.#eightView.getFloat64(0, true);
  }

  #put(number: number, at: number): void {
    this.#eightView.setFloat64(0, number, true);
    this.#file.write(this.#eight, at);
  }
}
