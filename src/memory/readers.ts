import type { Attachment } from "./attachment.ts";
import { HEADER, READS, RW_LOCK, SLOT, SLOTS } from "./layout.ts";
import type { EntryKeeper } from "./reader_entries.ts";
import type { Region } from "./region.ts";

/**
 * The readers of a read-write lock: each thread notes in its own slot which locks it reads under, so
 * that readers write to no common cache line.
 *
 * | entry in a slot | meaning                                                | leaves by           |
 * | --------------- | ------------------------------------------------------ | ------------------- |
 * | `0`             | free                                                   | its thread          |
 * | `lock`          | its thread reads, or looks whether it may              | its thread: to `0`  |
 * | any             | its thread is dead, or the slot is not in use: nothing | a claim of the slot |
 *
 * An entry is the offset of the lock after the header, divided by 8, plus 1. Only the thread of a
 * slot writes to it. A bit of the lock for each slot says whether its thread has ever read under
 * the lock; these bits are never cleared, and say where a writer must look.
 *
 * An object keeps its entry when it reads no more, and so need not look for a free one the next time;
 * another object of this thread that needs one takes it away.
 *
 * A reader sets its bit and its entry, then looks at the gate of the lock. A writer closes the gate,
 * then looks at the bits and the entries. So one of the two sees the other. After D. Dice and A.
 * Kogan, "BRAVO: Biased Locking for Reader-Writer Locks" (2019).
 */
export class Readers {
  readonly #attachment: Attachment;
  readonly #region: Region;
  /** What the entries say. */
  readonly entry: number;
  /** The offset of the lock. */
  readonly #lock: number;
  /** The first entry of this thread. */
  readonly #mine: number;
  /** Threads that have died: an identity never lives again. */
  readonly #dead = new Set<number>();
  /** The bit of this thread's slot in the lock. */
  readonly #mark: { readonly word: number; readonly bit: number };
  #isMarked = false;

  /** The readers of the lock at an offset of the buffer. */
  constructor(attachment: Attachment, lock: number) {
    const { region, identity } = attachment;
    this.#attachment = attachment;
    this.#region = region;
    this.#lock = lock;
    this.entry = (lock - region.base - HEADER.end) / 8 + 1;
    const slot = identity & SLOTS;
    this.#mine = this.#entriesOf(slot);
    this.#mark = { word: lock + RW_LOCK.slots + 4 * (slot >> 5), bit: 1 << (slot & 31) };
  }

  /**
   * Gives an object of this thread an entry in which it can note that it reads, or wants to, by
   * {@linkcode entry}. Returns its offset in the buffer; the object has it until it loses it.
   *
   * @throws {RangeError} If the thread reads under too many locks.
   */
  giveEntry(keeper: WeakRef<EntryKeeper>): number {
    const { atomics } = this.#region;
    const { entries } = this.#attachment.claim();
    if (!this.#isMarked) this.#setMark();
    for (let i = 0; i < READS; i++) {
      const entry = entries.next;
      entries.next = (entry + 1) % READS;
      const at = this.#mine + 4 * entry;
      if (atomics.load32(at) !== 0) continue;
      entries.keepers[entry]?.deref()?.loseEntry();
      entries.keepers[entry] = keeper;
      return at;
    }
    throw new RangeError(
      `Cannot read under another read-write lock: this thread reads under ${READS} of this memory, ` +
        "the most that it can. Release one first",
    );
  }

  /** By how many objects this thread reads. */
  get mine(): number {
    const { word, bit } = this.#mark;
    const isMarked = (this.#region.atomics.load32(word) & bit) !== 0;
    return isMarked ? this.#countAt(this.#mine) : 0;
  }

  /**
   * The threads that read, without those that are known to be dead.
   *
   * @param patient Whether to check them now; else only those not checked for long.
   * @param most How many to look for.
   */
  identities(patient: boolean, most: number = SLOTS): number[] {
    const { atomics } = this.#region;
    const found: number[] = [];
    for (let word = 0; word < (SLOTS + 1) / 32; word++) {
      let bits = atomics.load32(this.#lock + RW_LOCK.slots + 4 * word);
      for (; bits !== 0 && found.length < most; bits &= bits - 1) {
        const slot = 32 * word + 31 - Math.clz32(bits & -bits);
        const identity = this.#readerIn(slot, patient);
        if (identity !== 0) found.push(identity);
      }
    }
    return found;
  }

  /** Whether a thread reads, or looks whether it may. */
  has(identity: number): boolean {
    return this.#readerIn(identity & SLOTS, false) === identity;
  }

  #readerIn(slot: number, patient: boolean): number {
    const { threads, region, identity: me } = this.#attachment;
    const entries = this.#entriesOf(slot);
    // Before the identity: if the slot is claimed again meanwhile, this is of the thread before.
    if (this.#countAt(entries) === 0) return 0;
    const at = entries - SLOT.readers;
    const identity = region.atomics.load32(at + SLOT.identity);
    const isInUse = region.atomics.load32(at + SLOT.claim) === identity;
    if (!isInUse || this.#dead.has(identity)) return 0;
    if (identity === me || !(patient || threads.isDue(identity))) return identity;
    if (!threads.isFoundGone(identity)) return identity;
    this.#dead.add(identity);
    return 0;
  }

  #countAt(entries: number): number {
    const { atomics } = this.#region;
    let count = 0;
    for (let at = entries; at < entries + 4 * READS; at += 4) {
      if (atomics.load32(at) === this.entry) count++;
    }
    return count;
  }

  #entriesOf(slot: number): number {
    const { base } = this.#region;
    return base + HEADER.firstSlot + (slot - 1) * SLOT.bytes + SLOT.readers;
  }

  #setMark(): void {
    const { atomics } = this.#region;
    const { word, bit } = this.#mark;
    for (;;) {
      const bits = atomics.load32(word);
      if ((bits & bit) !== 0 || atomics.compareExchange32(word, bits, bits | bit) === bits) break;
    }
    this.#isMarked = true;
  }
}
