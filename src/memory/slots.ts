import type { Owner } from "../contract/owner.ts";
import { adapter } from "../runtime/adapter.ts";
import { bootId, isGone, type ThreadIdentity } from "../runtime/identity.ts";
import { HEADER, SLOT, SLOTS } from "./layout.ts";
import type { Memory } from "./memory.ts";
import { missWebLock } from "./web_lock.ts";

/** The bits of a lock word that say who holds it; above them are those about waiters. */
export const OWNER = 0x3fffffff;

const SLOT_BITS = 10;
const GENERATIONS = 1 << 20;
const RUNTIMES = ["", "deno", "bun", "node"];

/**
 * The threads that have a memory open. A lock word names one by its slot and the slot's generation;
 * the slot says how to find out whether that thread is still there. It is wholly written before its
 * identity is, and given to another only when its thread is gone and no word names it.
 */
export class Slots {
  readonly #memory: Memory;
  /** When each thread was last looked at and not found gone. */
  readonly #looked = new Map<number, number>();
  /** Whose Web Lock is being asked for. */
  readonly #asked = new Set<number>();

  /** The slots of a memory. */
  constructor(memory: Memory) {
    this.#memory = memory;
  }

  /**
   * Claims a slot for this thread and returns its identity.
   *
   * @param thread What the system knows of it; `undefined` if that cannot be had here.
   * @param alone Whether nobody else can claim one meanwhile.
   * @throws {RangeError} If all slots are in use by threads that live.
   */
  claim(thread: ThreadIdentity | undefined, alone: boolean): number {
    const slot = this.#take(thread) ?? (this.#reclaim(alone), this.#take(thread));
    if (slot === undefined) {
      throw new RangeError(
        `Cannot use a memory: ${SLOTS} threads that live have it open, and more is not possible`,
      );
    }
    const { atomic } = this.#memory;
    const at = this.#place(slot);
    const generation = (atomic.load32(at + SLOT.generation) + 1) % GENERATIONS;
    atomic.store32(at + SLOT.generation, generation);
    atomic.store32(at + SLOT.gone, 0);
    atomic.store32(at + SLOT.process, thread?.pid ?? 0);
    atomic.store32(at + SLOT.thread, thread?.thread ?? 0);
    this.#store64(at + SLOT.startTime, thread?.startTime ?? 0);
    this.#store64(at + SLOT.namespace, thread?.namespace ?? 0);
    atomic.store32(at + SLOT.webLock, 0);
    atomic.store32(at + SLOT.runtime, RUNTIMES.indexOf(adapter.name));
    if (thread !== undefined) {
      new Uint8Array(this.#memory.buffer, at + SLOT.boot, 16).set(bootId());
    }
    const identity = slot | (generation << SLOT_BITS);
    atomic.store32(at + SLOT.identity, identity);
    return identity;
  }

  /** Gives a slot back that no lock word names. */
  free(identity: number): void {
    const { atomic } = this.#memory;
    const at = this.#place(identity & SLOTS);
    // Only one of several who free it does so, or it would be freed from under the next.
    if (atomic.compareExchange32(at + SLOT.identity, identity, 0) === identity) {
      atomic.store32(at + SLOT.claim, 0);
    }
  }

  /** Whether the thread of an identity is gone for certain. */
  isGone(identity: number): boolean {
    const at = this.#find(identity);
    if (at === undefined) return false;
    const { atomic } = this.#memory;
    if (atomic.load32(at + SLOT.gone) !== 0) return true;
    const thread = atomic.load32(at + SLOT.thread);
    if (thread === 0 || !this.#hasBoot(at, bootId())) return false;
    const gone = isGone({
      pid: atomic.load32(at + SLOT.process),
      thread,
      startTime: this.#load64(at + SLOT.startTime),
      namespace: this.#load64(at + SLOT.namespace),
    });
    return gone && atomic.load32(at + SLOT.identity) === identity;
  }

  /**
   * The same, for those who ask again and again, however many locks of one owner they wait for: a
   * look costs 20 us, and one that was not found gone is not looked at again for a millisecond.
   */
  isFoundGone(identity: number): boolean {
    const now = performance.now();
    if (now - (this.#looked.get(identity) ?? -Infinity) < 1) return false;
    if (this.#looked.size > SLOTS) this.#looked.clear();
    this.#looked.set(identity, now);
    if (!this.isGone(identity)) {
      this.#ask(identity);
      return false;
    }
    this.#looked.delete(identity);
    return true;
  }

  /** Whether an identity is one of the thread's own: it may have opened the memory twice. */
  isMine(identity: number, thread: ThreadIdentity | undefined): boolean {
    const at = this.#find(identity);
    if (at === undefined || thread === undefined) return false;
    const { atomic } = this.#memory;
    return atomic.load32(at + SLOT.thread) === thread.thread &&
      atomic.load32(at + SLOT.process) === thread.pid &&
      this.#load64(at + SLOT.startTime) === thread.startTime &&
      this.#load64(at + SLOT.namespace) === thread.namespace;
  }

  /** What is known of the thread of an identity. */
  describe(identity: number): Owner | undefined {
    const at = this.#find(identity);
    if (at === undefined) return undefined;
    const { atomic } = this.#memory;
    const thread = atomic.load32(at + SLOT.thread);
    return {
      pid: atomic.load32(at + SLOT.process),
      ...thread !== 0 && { thread },
      runtime: RUNTIMES[atomic.load32(at + SLOT.runtime)],
    };
  }

  /** After a new start of the machine: all that had the memory open are gone. */
  markAllGone(): void {
    const { atomic } = this.#memory;
    for (let slot = 1; slot <= SLOTS; slot++) {
      const at = this.#place(slot);
      if (atomic.load32(at + SLOT.claim) !== 0) atomic.store32(at + SLOT.gone, 1);
    }
  }

  /** Marks a thread as gone, where something else than the system knows it is. */
  markGone(identity: number): void {
    const at = this.#find(identity);
    if (at !== undefined) this.#memory.atomic.store32(at + SLOT.gone, 1);
  }

  /** Says that the thread of an identity holds its Web Lock. */
  markWebLock(identity: number): void {
    const at = this.#find(identity);
    if (at !== undefined) this.#memory.atomic.store32(at + SLOT.webLock, 1);
  }

  /** Whether the thread of an identity holds its Web Lock. */
  hasWebLock(identity: number): boolean {
    const at = this.#find(identity);
    return at !== undefined && this.#memory.atomic.load32(at + SLOT.webLock) !== 0;
  }

  /** Where the system cannot be asked about a thread, asks for its Web Lock; once at a time. */
  #ask(identity: number): void {
    if (this.#asked.has(identity) || !this.hasWebLock(identity)) return;
    this.#asked.add(identity);
    const answered = () => void this.#asked.delete(identity);
    missWebLock(this.#memory, identity).then(answered, answered);
  }

  #place(slot: number): number {
    return this.#memory.base + HEADER.firstSlot + (slot - 1) * SLOT.bytes;
  }

  /** The place of the slot that an identity names, where it still does. */
  #find(identity: number): number | undefined {
    const slot = identity & SLOTS;
    if (slot === 0) return undefined;
    const at = this.#place(slot);
    return this.#memory.atomic.load32(at + SLOT.identity) === identity ? at : undefined;
  }

  #take(thread: ThreadIdentity | undefined): number | undefined {
    const { atomic, base } = this.#memory;
    const claim = thread?.thread ?? -1;
    const start = atomic.add32(base + HEADER.search, 1) >>> 0;
    for (let i = 0; i < SLOTS; i++) {
      const slot = 1 + (start + i) % SLOTS;
      const at = this.#place(slot) + SLOT.claim;
      if (atomic.load32(at) === 0 && atomic.compareExchange32(at, 0, claim) === 0) return slot;
    }
    return undefined;
  }

  /** Frees the slots of threads that are gone, except those that a word of the memory names. */
  #reclaim(alone: boolean): void {
    const { atomic, buffer, base, byteLength } = this.#memory;
    const gone = new Set<number>();
    for (let slot = 1; slot <= SLOTS; slot++) {
      const identity = atomic.load32(this.#place(slot) + SLOT.identity);
      if (identity !== 0 && this.isGone(identity)) gone.add(identity);
      // Whoever claimed it died before it had an identity.
      if (identity === 0 && alone) atomic.store32(this.#place(slot) + SLOT.claim, 0);
    }
    // Any word may be a lock's. One that names a slot by chance only keeps it from being used.
    const words = new Int32Array(buffer, base + HEADER.end, byteLength >> 2);
    for (let i = 0; gone.size > 0 && i < words.length; i++) {
      if (words[i] !== 0) gone.delete(words[i] & OWNER);
    }
    for (const identity of gone) this.free(identity);
  }

  #hasBoot(at: number, boot: Uint8Array): boolean {
    const bytes = new Uint8Array(this.#memory.buffer, at + SLOT.boot, 16);
    return boot.every((byte, i) => bytes[i] === byte);
  }

  #store64(at: number, value: number): void {
    const { atomic } = this.#memory;
    atomic.store32(at, value | 0);
    atomic.store32(at + 4, Math.floor(value / 2 ** 32));
  }

  #load64(at: number): number {
    const { atomic } = this.#memory;
    return (atomic.load32(at) >>> 0) + (atomic.load32(at + 4) >>> 0) * 2 ** 32;
  }
}
