/** A lock of a memory, as one object of this thread uses it. */
export interface HoldableLock {
  /** Whether the object holds the lock. */
  readonly held: boolean;
}

interface Entry {
  readonly lock: WeakRef<HoldableLock>;
  readonly offset: number;
  /** How many words, from the offset on, may name the holder. */
  readonly words: number;
}

/** How many entries there may be before those of collected objects are removed. */
const LEAST = 64;

/**
 * The locks of one object that has opened a memory, to know which of them are held. Keeps none of
 * them alive: a program may make a lock a million times. A lock that was collected while it was
 * held is known by its word.
 */
export class HeldLocks {
  #entries: Entry[] = [];
  #limit = LEAST;
  /** The offsets of locks that were collected while this thread held them. */
  readonly #dropped: Set<number>;
  readonly #isMine: (offset: number) => boolean;

  /**
   * No locks.
   *
   * @param dropped Collects the offsets of locks that were collected while they were held.
   * @param isMine Whether this thread holds the lock at an offset.
   */
  constructor(dropped: Set<number>, isMine: (offset: number) => boolean) {
    this.#dropped = dropped;
    this.#isMine = isMine;
  }

  /** Adds the object of a lock at an offset: of one word that names its holder, or of several. */
  add(lock: HoldableLock, offset: number, words = 1): void {
    if (this.#entries.length >= this.#limit) {
      this.#sweep();
      this.#limit = Math.max(LEAST, 2 * this.#entries.length);
    }
    this.#entries.push({ lock: new WeakRef(lock), offset, words });
  }

  /** The offsets of the locks that are held. */
  offsets(): Set<number> {
    this.#sweep();
    return new Set(
      this.#entries.filter(({ lock }) => lock.deref()?.held).map(({ offset }) => offset),
    );
  }

  /** Removes the objects that were collected. */
  #sweep(): void {
    this.#entries = this.#entries.filter(({ lock, offset, words }) => {
      if (lock.deref() !== undefined) return true;
      // Perhaps another object holds it: the last one to be closed tells.
      for (let at = offset; at < offset + 4 * words; at += 4) {
        if (this.#isMine(at)) this.#dropped.add(at);
      }
      return false;
    });
  }
}
