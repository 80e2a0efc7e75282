import type { Owner } from "../contract/owner.ts";
import { adapter } from "../runtime/adapters/adapter.ts";
import { isGone, type ThreadIdentity } from "../runtime/identity/thread_identity.ts";
import { bootId } from "../runtime/identity/machine.ts";
import { HEADER, isKnownBoot, isSameBoot, SLOT, SLOTS } from "./layout.ts";
import { lockWordsOf } from "./lock_words.ts";
import type { Region } from "./region.ts";
import { holdWebLock, whenWebLockIsFree } from "./web_lock.ts";

/** The bits of a lock word that name the holder; the bits above them are about waiters. */
export const OWNER = 0x3fffffff;

const SLOT_BITS = 10;
const GENERATIONS = 1 << 20;
const RUNTIMES = ["", "deno", "bun", "node", "browser"];

/**
 * The threads that have a memory open, a slot each. A lock word names a thread by its slot and the
 * generation of the slot; the slot tells how to check that the thread lives. A slot is reused only
 * when its thread is dead and no lock word names it.
 *
 * | claim      | identity   | meaning                                    | leaves by                 |
 * | ---------- | ---------- | ------------------------------------------ | ------------------------- |
 * | 0          | any        | free; the identity is that of the last one | compare-and-swap of claim |
 * | `identity` | any other  | claimed, and being written                 | the claimer: to the next  |
 * | `identity` | `identity` | in use                                     | compare-and-swap to free  |
 *
 * Each claim has another generation, so a thread that frees its slot late does not free that of the
 * next user. In a mapped file, slots are claimed under the creation lock: there, a claim without its
 * identity is left by a thread that died before it wrote the identity.
 */
export class ThreadRegistry {
  readonly #region: Region;
  /** When each thread was last checked and not found dead. */
  readonly #looked = new Map<number, number>();
  /** The identities whose Web Locks are being checked. */
  readonly #asked = new Set<number>();

  /** The threads of a memory. */
  constructor(region: Region) {
    this.#region = region;
  }

  /**
   * Claims a slot for this thread and returns its identity.
   *
   * @param thread This thread as the system knows it; `undefined` if the runtime must not ask.
   * @param alone Whether no other thread can claim a slot meanwhile.
   * @throws {RangeError} If all slots are in use.
   */
  claim(thread: ThreadIdentity | undefined, alone: boolean): number {
    let identity = this.#take();
    if (identity === undefined) {
      const pinned = this.#reclaim(alone);
      identity = this.#take();
      if (identity === undefined) throw this.#full(pinned);
    }
    const { atomics } = this.#region;
    const at = this.#slotAt(identity & SLOTS);
    atomics.store32(at + SLOT.identity, 0);
    atomics.store32(at + SLOT.generation, identity >> SLOT_BITS);
    atomics.store32(at + SLOT.gone, 0);
    atomics.store32(at + SLOT.process, thread?.pid ?? 0);
    atomics.store32(at + SLOT.thread, thread?.thread ?? 0);
    this.#store64(at + SLOT.startTime, thread?.startTime ?? 0);
    atomics.store32(at + SLOT.namespace, thread?.namespace ?? 0);
    atomics.store32(at + SLOT.timeNamespace, thread?.timeNamespace ?? 0);
    atomics.store32(at + SLOT.webLock, 0);
    atomics.store32(at + SLOT.runtime, RUNTIMES.indexOf(adapter.name));
    if (thread !== undefined) {
      new Uint8Array(this.#region.buffer, at + SLOT.boot, 16).set(bootId());
    }
    atomics.store32(at + SLOT.identity, identity);
    return identity;
  }

  /** Frees a slot that no lock word names, in one step, unless another claim has it now. */
  free(identity: number): void {
    const claim = this.#slotAt(identity & SLOTS) + SLOT.claim;
    this.#region.atomics.compareExchange32(claim, identity, 0);
  }

  /** Whether the thread of an identity is dead for certain. */
  isGone(identity: number): boolean {
    const at = this.#find(identity);
    if (at === undefined) return false;
    const { atomics } = this.#region;
    if (atomics.load32(at + SLOT.gone) !== 0) return true;
    if (atomics.load32(at + SLOT.thread) === 0 || !this.#isOfThisBoot(at)) return false;
    return isGone(this.#threadAt(at)) && atomics.load32(at + SLOT.identity) === identity;
  }

  /**
   * The same, for waiters that check again and again, perhaps for many locks of one owner: a check
   * takes 20 us, so a thread that was not found dead is not checked again for a millisecond.
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

  /** Whether an identity belongs to this thread, which may have opened the memory twice. */
  isMine(identity: number, thread: ThreadIdentity | undefined): boolean {
    const at = this.#find(identity);
    if (at === undefined || thread === undefined) return false;
    const known = this.#threadAt(at);
    return known.thread === thread.thread && known.pid === thread.pid &&
      known.startTime === thread.startTime && known.startTime !== 0 &&
      known.namespace === thread.namespace && known.namespace !== 0 &&
      known.timeNamespace === thread.timeNamespace && this.#isOfThisBoot(at);
  }

  /** What is known about the thread of an identity. */
  describe(identity: number): Owner | undefined {
    const at = this.#find(identity);
    if (at === undefined) return undefined;
    const { atomics } = this.#region;
    const thread = atomics.load32(at + SLOT.thread);
    return {
      pid: atomics.load32(at + SLOT.process),
      ...thread !== 0 && { thread },
      runtime: RUNTIMES[atomics.load32(at + SLOT.runtime)],
    };
  }

  /**
   * For a memory that was last opened under another boot id: marks all threads that had it open as
   * dead, if each of them is. If one lives, or cannot be checked, the machine may not have rebooted:
   * a container can have a boot id of its own.
   *
   * @returns Whether all threads are dead.
   */
  markAllGone(): boolean {
    const { atomics } = this.#region;
    const claimed: number[] = [];
    for (let slot = 1; slot <= SLOTS; slot++) {
      const at = this.#slotAt(slot);
      const claim = atomics.load32(at + SLOT.claim);
      if (claim === 0) continue;
      // A slot without an identity has never held a lock: its claimer died before it wrote one.
      const isOpen = atomics.load32(at + SLOT.identity) !== 0;
      if (isOpen && atomics.load32(at + SLOT.gone) === 0) {
        if (!isGone(this.#threadAt(at))) return false;
      }
      claimed.push(at);
    }
    for (const at of claimed) atomics.store32(at + SLOT.gone, 1);
    return true;
  }

  /** Holds a Web Lock for this thread of an identity, so that other threads learn of its end. */
  holdWebLock(identity: number): void {
    holdWebLock(this.#webLockOf(identity), () => {
      if (this.#region.closed) return;
      const at = this.#find(identity);
      if (at !== undefined) this.#region.atomics.store32(at + SLOT.webLock, 1);
    });
  }

  /**
   * Asks, without waiting, whether the thread of an identity has lost its Web Lock, and marks the
   * thread as dead if so; the answer comes in a later task. Nothing is known about a thread that has
   * no Web Lock yet. Each call asks again, since Node sometimes forgets a request that waits while a
   * worker is terminated.
   *
   * A terminated worker of Deno keeps its Web Lock for as long as its thread runs on, as it must.
   */
  async checkWebLock(identity: number): Promise<void> {
    if (!this.#hasWebLock(identity)) return;
    await whenWebLockIsFree(this.#webLockOf(identity), () => {
      if (this.#region.closed) return;
      const at = this.#find(identity);
      if (at !== undefined) this.#region.atomics.store32(at + SLOT.gone, 1);
    });
  }

  /** The threads that are known to hold a Web Lock. */
  withWebLock(): number[] {
    const { atomics } = this.#region;
    const identities: number[] = [];
    for (let slot = 1; slot <= SLOTS; slot++) {
      const at = this.#slotAt(slot);
      const identity = atomics.load32(at + SLOT.identity);
      if (atomics.load32(at + SLOT.claim) !== identity || identity === 0) continue;
      if (atomics.load32(at + SLOT.webLock) === 0 || atomics.load32(at + SLOT.gone) !== 0) continue;
      identities.push(identity);
    }
    return identities;
  }

  /** If the system cannot be asked about a thread, asks for its Web Lock; once at a time. */
  #ask(identity: number): void {
    if (this.#asked.has(identity) || !this.#hasWebLock(identity)) return;
    this.#asked.add(identity);
    const answered = () => void this.#asked.delete(identity);
    this.checkWebLock(identity).then(answered, answered);
  }

  #hasWebLock(identity: number): boolean {
    const at = this.#find(identity);
    return at !== undefined && this.#region.atomics.load32(at + SLOT.webLock) !== 0;
  }

  /** The name of the Web Lock of an identity: the random boot id tells the memories apart. */
  #webLockOf(identity: number): string {
    const id = new Uint8Array(this.#region.buffer).slice(HEADER.boot, HEADER.boot + 16);
    return `interlock ${id} ${identity}`;
  }

  #slotAt(slot: number): number {
    return this.#region.base + HEADER.firstSlot + (slot - 1) * SLOT.bytes;
  }

  /** The offset of the slot of an identity, unless another thread has the slot. */
  #find(identity: number): number | undefined {
    const slot = identity & SLOTS;
    if (slot === 0) return undefined;
    const at = this.#slotAt(slot);
    return this.#region.atomics.load32(at + SLOT.identity) === identity ? at : undefined;
  }

  /** Claims a free slot, for the identity of its next generation. */
  #take(): number | undefined {
    const { atomics, base } = this.#region;
    const start = atomics.add32(base + HEADER.search, 1) >>> 0;
    for (let i = 0; i < SLOTS; i++) {
      const slot = 1 + (start + i) % SLOTS;
      const at = this.#slotAt(slot);
      while (atomics.load32(at + SLOT.claim) === 0) {
        const last = atomics.load32(at + SLOT.generation);
        const identity = slot | ((last + 1) % GENERATIONS << SLOT_BITS);
        if (atomics.compareExchange32(at + SLOT.claim, 0, identity) !== 0) break;
        if (atomics.load32(at + SLOT.generation) === last) return identity;
        // Meanwhile, another thread had the slot, for this same identity.
        atomics.compareExchange32(at + SLOT.claim, identity, 0);
      }
    }
    return undefined;
  }

  /**
   * Frees the slots of dead threads, except slots that a lock names.
   *
   * @returns The number of slots of dead threads that a lock names.
   */
  #reclaim(alone: boolean): number {
    const { atomics } = this.#region;
    /** The claim words that were found, by identity. */
    const gone = new Map<number, number>();
    for (let slot = 1; slot <= SLOTS; slot++) {
      const at = this.#slotAt(slot);
      const claim = atomics.load32(at + SLOT.claim);
      if (claim === 0) continue;
      const identity = atomics.load32(at + SLOT.identity);
      if (identity === 0) {
        // Its claimer died: no other thread claims a slot now.
        if (alone) atomics.compareExchange32(at + SLOT.claim, claim, 0);
      } else if ((alone || identity === claim) && this.isGone(identity)) gone.set(identity, claim);
    }
    const all = gone.size;
    if (all > 0) {
      for (const word of lockWordsOf(this.#region)) {
        if (word !== 0 && gone.delete(word & OWNER) && gone.size === 0) break;
      }
    }
    for (const [identity, claim] of gone) {
      atomics.compareExchange32(this.#slotAt(identity & SLOTS) + SLOT.claim, claim, 0);
    }
    return all - gone.size;
  }

  #full(pinned: number): RangeError {
    const named = pinned === 0 ? "" : `, and its locks name ${pinned} dead threads`;
    return new RangeError(
      `Cannot use a memory: ${SLOTS - pinned} threads that live, or may live, have it ` +
        `open${named}; at most ${SLOTS} can. Close memories that are not needed` +
        (pinned === 0 ? "" : ", acquire the locks of dead threads") + ", or remove the segment",
    );
  }

  #bootAt(at: number): Uint8Array {
    return new Uint8Array(this.#region.buffer, at + SLOT.boot, 16);
  }

  /** Whether a slot was certainly claimed in this boot; true for anonymous memory. */
  #isOfThisBoot(at: number): boolean {
    if (this.#region.id === undefined) return true;
    const now = bootId();
    return isKnownBoot(now) && isSameBoot(now, this.#bootAt(at));
  }

  #threadAt(at: number): ThreadIdentity {
    const { atomics } = this.#region;
    return {
      pid: atomics.load32(at + SLOT.process),
      thread: atomics.load32(at + SLOT.thread),
      startTime: this.#load64(at + SLOT.startTime),
      namespace: atomics.load32(at + SLOT.namespace) >>> 0,
      timeNamespace: atomics.load32(at + SLOT.timeNamespace) >>> 0,
    };
  }

  #store64(at: number, value: number): void {
    const { atomics } = this.#region;
    atomics.store32(at, value | 0);
    atomics.store32(at + 4, Math.floor(value / 2 ** 32));
  }

  #load64(at: number): number {
    const { atomics } = this.#region;
    return (atomics.load32(at) >>> 0) + (atomics.load32(at + 4) >>> 0) * 2 ** 32;
  }
}
