import type { Attachment } from "./attachment.ts";
import { Directory, type Entry } from "./directory.ts";
import { handedTo } from "./hand_off.ts";
import { RW_LOCK, SEMAPHORE } from "./layout.ts";
import { OWNER, startsWithMutex } from "./lock_words.ts";
import { Readers } from "./readers.ts";

/** The threads that must release something before a wait ends. */
export interface Holders {
  /** The offset of the named thing. */
  readonly lock: number;
  /** The holders, one of a semaphore for each of its permits. */
  readonly identities: readonly number[];
  /** Whether the wait needs all of them to release; if not, any one of them. */
  readonly isEveryNeeded: boolean;
}

/** Finds out by which threads the named locks of a memory are held. */
export class LockHolders {
  readonly #attachment: Attachment;
  #entries: readonly Entry[] = [];

  /** The locks of a memory. */
  constructor(attachment: Attachment) {
    this.#attachment = attachment;
  }

  /** The kind and the name of what is at an offset. */
  nameOf(offset: number): string {
    const entry = this.#find(offset);
    if (entry === undefined) return `a lock at offset ${offset}`;
    const [kind] = entry.shape.split(" ");
    return `the ${kind === "rwlock" ? "read-write lock" : kind} ${JSON.stringify(entry.name)}`;
  }

  /**
   * The threads that a wait at the word of an offset waits for; `undefined` if none is known.
   *
   * @param blocked The thread that is blocked by the wait, if it is another one: it may have acquired
   * the lock just now, and not have ended its record.
   */
  of(offset: number, blocked?: number): Holders | undefined {
    const found = this.#of(offset, blocked);
    return blocked !== undefined && found?.identities.includes(blocked) ? undefined : found;
  }

  #of(offset: number, blocked: number | undefined): Holders | undefined {
    const entry = this.#find(offset);
    // The table of `segment.locks` has no name: its mutex is never held during a wait.
    if (entry === undefined || entry.name === "") return undefined;
    const { shape, offset: lock, size } = entry;
    const { region } = this.#attachment;
    const at = region.resolve(lock, size, 8);
    const word = offset - lock;
    if (startsWithMutex(shape)) return word === 0 ? this.#one(lock, this.#ownerOf(at)) : undefined;
    if (shape.startsWith("semaphore ")) {
      const permits = Number(shape.slice("semaphore ".length));
      if (word !== 0 || !(SEMAPHORE.permits + 4 * permits <= size)) return undefined;
      const identities = Array.from({ length: permits }, (_, i) => {
        return region.atomics.load32(at + SEMAPHORE.permits + 4 * i);
      });
      if (identities.includes(0)) return undefined;
      return { lock, identities, isEveryNeeded: false };
    }
    if (shape !== "rwlock") return undefined;
    if (word === RW_LOCK.turn) return this.#one(lock, this.#ownerOf(at));
    if (word === RW_LOCK.readers) {
      if (blocked !== undefined && new Readers(this.#attachment, at).has(blocked)) return undefined;
      const gate = region.atomics.load32(at + RW_LOCK.gate);
      return this.#one(lock, (gate & ~OWNER) === 0 ? gate : 0);
    }
    if (word !== RW_LOCK.drain) return undefined;
    const identities = new Readers(this.#attachment, at).identities(false);
    return identities.length === 0 ? undefined : { lock, identities, isEveryNeeded: true };
  }

  #one(lock: number, identity: number): Holders | undefined {
    return identity === 0 ? undefined : { lock, identities: [identity], isEveryNeeded: false };
  }

  #ownerOf(at: number): number {
    if (handedTo(this.#attachment, at) !== 0) return 0;
    return this.#attachment.region.atomics.load32(at) & OWNER;
  }

  #find(offset: number): Entry | undefined {
    const find = () =>
      this.#entries.find((entry) => offset >= entry.offset && offset < entry.offset + entry.size);
    let found = find();
    if (found !== undefined) return found;
    const { region } = this.#attachment;
    try {
      this.#entries = [...new Directory({ region }, "a memory").records()];
      found = find();
    } catch {
      return undefined; // The directory is damaged, or the memory has grown beyond this mapping.
    }
    return found;
  }
}
