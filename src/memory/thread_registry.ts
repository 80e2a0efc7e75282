import type { Owner } from "../contract/owner.ts";
import { adapter } from "../runtime/adapters/adapter.ts";
import {
  commandLineOf,
  isGone,
  isRunning,
  type ThreadIdentity,
} from "../runtime/identity/thread_identity.ts";
import { HEADER, READS, SLOT, SLOTS } from "./layout.ts";
import { lockWordsOf, OWNER } from "./lock_words.ts";
import { isAliveBy, isDeadBy, type LifeEntry, lifeWordOf } from "./life_word.ts";
import type { FutexWord, Region } from "./region.ts";
import { SlotTable } from "./slot_table.ts";
import {
  type FullWait,
  fullWaitsIn,
  type MemoryThread,
  WaitRecords,
  waitsIn,
} from "./wait_records.ts";
import { holdWebLock, whenWebLockIsFree } from "./web_lock.ts";

const RUNTIMES = ["", "deno", "bun", "node", "browser", "C"];

/**
 * The threads that have a memory open, a slot each; see slot_table.ts. A lock word names a thread
 * by its slot and the generation of the slot; the slot tells how to check that the thread lives. A
 * slot is reused only when its thread is dead and no lock word names it.
 */
export class ThreadRegistry {
  readonly #region: Region;
  readonly #slots: SlotTable;
  /** When each thread was last checked and not found dead. */
  readonly #looked = new Map<number, number>();
  /** The identities whose Web Locks are being checked. */
  readonly #asked = new Set<number>();

  /** The threads of a memory. */
  constructor(region: Region) {
    this.#region = region;
    this.#slots = new SlotTable(region);
  }

  /**
   * Claims a slot for this thread and returns its identity.
   *
   * @param thread This thread as the system knows it; `undefined` if the runtime must not ask.
   * @param alone Whether no other thread can claim a slot meanwhile.
   * @throws {RangeError} If all slots are in use.
   */
  claim(thread: ThreadIdentity | undefined, alone: boolean): number {
    let identity = this.#slots.take();
    if (identity === undefined) {
      const pinned = this.#reclaim(alone);
      identity = this.#slots.take();
      if (identity === undefined) throw this.#full(pinned);
    }
    const contents = { thread, runtime: RUNTIMES.indexOf(adapter.name) };
    const { file } = this.#region;
    this.#slots.write(identity, contents, (identity) => file?.takeLifeByte(identity) ?? false);
    return identity;
  }

  /** Lets the kernel mark the slot of this thread when the thread ends, if it can. */
  linkLife(identity: number, thread: ThreadIdentity): LifeEntry | undefined {
    const { atomics, base, file } = this.#region;
    const at = this.#slots.at(identity) + SLOT.life;
    const entry = file?.linkLifeWord(at - base, thread);
    if (entry !== undefined) atomics.store32(at, lifeWordOf(thread));
    return entry;
  }

  /**
   * Frees the slot of an identity that no lock word names, unless another claim has it now.
   *
   * @param life The entry of this thread. If it cannot be removed, the slot is not freed.
   */
  free(identity: number, life?: LifeEntry): void {
    if (life !== undefined) {
      this.#region.atomics.store32(this.#slots.at(identity) + SLOT.life, 0);
      if (!life.unlink()) return;
    }
    this.#slots.free(identity, identity);
  }

  /** The life word of an identity, to sleep until the kernel marks it; `undefined` if it has none. */
  lifeOf(identity: number): FutexWord | undefined {
    const at = this.#slots.find(identity);
    if (at === undefined || this.#region.file === undefined) return undefined;
    const { atomics } = this.#region;
    const expected = atomics.load32(at + SLOT.life);
    // The identity after it: until then, it was the word of this thread.
    if (!isAliveBy(expected) || atomics.load32(at + SLOT.identity) !== identity) return undefined;
    return { at: at + SLOT.life, expected };
  }

  /** Whether the kernel has marked the life word of an identity. Reads nothing but the memory. */
  isMarkedDead(identity: number): boolean {
    const at = this.#slots.find(identity);
    const { atomics } = this.#region;
    return at !== undefined && isDeadBy(atomics.load32(at + SLOT.life)) &&
      atomics.load32(at + SLOT.identity) === identity;
  }

  /**
   * Whether the thread of an identity is dead for certain: the system says so, or nothing holds its
   * life byte any more, as after it became another program.
   */
  isGone(identity: number): boolean {
    const at = this.#slots.find(identity);
    if (at === undefined) return false;
    const { atomics } = this.#region;
    if (atomics.load32(at + SLOT.gone) !== 0) return true;
    const mayAsk = atomics.load32(at + SLOT.thread) !== 0 && this.#slots.isOfThisBoot(at);
    return this.#isDead(at, identity, mayAsk) && atomics.load32(at + SLOT.identity) === identity;
  }

  /**
   * The same, for waiters that check again and again, perhaps for many locks of one owner: a check
   * takes 20 us, so a thread that was not found dead is not checked again for 0.4 ms; for 25 ms if the
   * kernel is to mark its death.
   */
  isFoundGone(identity: number): boolean {
    if (this.isMarkedDead(identity)) return this.isGone(identity);
    const now = performance.now();
    const pause = this.lifeOf(identity) === undefined ? 0.4 : 25;
    if (now - (this.#looked.get(identity) ?? -Infinity) < pause) return false;
    if (this.#looked.size > SLOTS) this.#looked.clear();
    this.#looked.set(identity, now);
    if (!this.isGone(identity)) {
      this.#ask(identity);
      return false;
    }
    this.#looked.delete(identity);
    return true;
  }

  /** Whether an identity is marked as dead, or was not checked for a second. */
  isDue(identity: number): boolean {
    return this.isMarkedDead(identity) ||
      performance.now() - (this.#looked.get(identity) ?? -Infinity) > 1000;
  }

  /** Whether an identity belongs to this thread, by another copy of this library. */
  isMine(identity: number, thread: ThreadIdentity | undefined): boolean {
    const at = this.#slots.find(identity);
    if (at === undefined || thread === undefined) return false;
    const known = this.#slots.threadAt(at);
    return known.thread === thread.thread && known.pid === thread.pid &&
      known.startTime === thread.startTime && known.startTime !== 0 &&
      known.namespace === thread.namespace && known.namespace !== 0 &&
      known.timeNamespace === thread.timeNamespace && this.#slots.isOfThisBoot(at) &&
      !this.isGone(identity); // A program that became this one by exec had the same numbers.
  }

  /** What is known about the thread of an identity. */
  describe(identity: number): Owner | undefined {
    const at = this.#slots.find(identity);
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
   * dead, if each of them is. If one lives, or cannot be checked, the machine may not have
   * rebooted: a container can have a boot id of its own.
   *
   * @returns Whether all threads are dead.
   */
  markAllGone(): boolean {
    const { atomics } = this.#region;
    const claimed = [...this.#slots.claimed()];
    for (const { at, claim, identity } of claimed) {
      // A slot without its identity holds no lock: its claimer died before it wrote one.
      if (identity !== claim || atomics.load32(at + SLOT.gone) !== 0) continue;
      if (!this.#isDead(at, identity, true)) return false;
    }
    for (const { at } of claimed) atomics.store32(at + SLOT.gone, 1);
    return true;
  }

  /** The threads that have the memory open: the identities of the slots that are in use. */
  list(): number[] {
    return [...this.#slots.claimed()].filter(({ claim, identity }) => claim === identity)
      .map(({ identity }) => identity);
  }

  /** What is known about the thread of an identity, and what it waits for; if it has its slot. */
  look(identity: number): MemoryThread | undefined {
    const at = this.#slots.find(identity);
    const owner = this.describe(identity);
    if (at === undefined || owner === undefined) return undefined;
    return { owner, isGone: this.isGone(identity), waits: waitsIn(this.#region, at) };
  }

  /** All threads that have the memory open. Takes 20 us for each of them. */
  all(): MemoryThread[] {
    return this.list().flatMap((identity) => this.look(identity) ?? []);
  }

  /** All that is recorded of what the thread of an identity waits for, if it has its slot. */
  waitsOf(identity: number): FullWait[] {
    const at = this.#slots.find(identity);
    if (at === undefined) return [];
    const waits = fullWaitsIn(this.#region, at);
    return this.#slots.find(identity) === undefined ? [] : waits;
  }

  /** The command line of the process with the number of a thread, which may have ended since. */
  commandOf(identity: number): string | undefined {
    const at = this.#slots.find(identity);
    if (at === undefined || !this.#slots.isOfThisBoot(at)) return undefined;
    return commandLineOf(this.#slots.threadAt(at));
  }

  /** The offsets in the buffer of the read-write locks under which the thread of an identity reads. */
  readsOf(identity: number): number[] {
    const at = this.#slots.find(identity);
    if (at === undefined) return [];
    const { atomics, base } = this.#region;
    const entries = Array.from({ length: READS }, (_, i) => {
      return atomics.load32(at + SLOT.readers + 4 * i);
    });
    return entries.filter((entry) => entry > 0)
      .map((entry) => base + HEADER.end + 8 * (entry - 1));
  }

  /** The records of what this thread of an identity waits for. */
  waitRecordsOf(identity: number): WaitRecords {
    return new WaitRecords(this.#region, this.#slots.at(identity));
  }

  /** Holds a Web Lock for this thread of an identity, so that other threads learn of its end. */
  holdWebLock(identity: number): void {
    holdWebLock(this.#webLockOf(identity), () => {
      if (this.#region.closed) return;
      const at = this.#slots.find(identity);
      if (at !== undefined) this.#region.atomics.store32(at + SLOT.webLock, 1);
    });
  }

  /**
   * Asks, without waiting, whether the thread of an identity has lost its Web Lock, and marks the
   * thread as dead if so; the answer comes in a later task. Nothing is known about a thread that
   * has no Web Lock yet. Each call asks again, since Node sometimes forgets a request that waits
   * while a worker is terminated.
   *
   * A terminated worker of Deno keeps its Web Lock for as long as its thread runs on, as it must.
   */
  async checkWebLock(identity: number): Promise<void> {
    if (!this.#hasWebLock(identity)) return;
    await whenWebLockIsFree(this.#webLockOf(identity), () => {
      if (this.#region.closed) return;
      const at = this.#slots.find(identity);
      if (at !== undefined) this.#region.atomics.store32(at + SLOT.gone, 1);
    });
  }

  /** The threads that are known to hold a Web Lock. */
  withWebLock(): number[] {
    const { atomics } = this.#region;
    return [...this.#slots.claimed()].filter(({ at, claim, identity }) =>
      claim === identity && atomics.load32(at + SLOT.webLock) !== 0 &&
      atomics.load32(at + SLOT.gone) === 0
    ).map(({ identity }) => identity);
  }

  /**
   * Whether the thread of a slot is dead by its life word, its life byte, or by the system.
   *
   * @param mayAsk Whether the system knows the thread by the numbers in the slot.
   */
  #isDead(at: number, identity: number, mayAsk: boolean): boolean {
    const { atomics, file } = this.#region;
    const thread = this.#slots.threadAt(at);
    const isMarked = isDeadBy(atomics.load32(at + SLOT.life));
    // A process that ended with a checkpoint of it is marked, and may have been restored since.
    if (isMarked && !(mayAsk && isRunning(thread))) return true;
    const byte = atomics.load32(at + SLOT.byte) === identity
      ? file?.lookAtLifeByte(identity)
      : undefined;
    if (isMarked) return byte !== "held";
    if (byte === "free" || !mayAsk) return byte === "free";
    // A process that was restored from a checkpoint has another start time.
    return isGone(byte === "held" ? { ...thread, startTime: 0 } : thread);
  }

  /** If the system cannot be asked about a thread, asks for its Web Lock; once at a time. */
  #ask(identity: number): void {
    if (this.#asked.has(identity) || !this.#hasWebLock(identity)) return;
    this.#asked.add(identity);
    const answered = () => void this.#asked.delete(identity);
    this.checkWebLock(identity).then(answered, answered);
  }

  #hasWebLock(identity: number): boolean {
    const at = this.#slots.find(identity);
    return at !== undefined && this.#region.atomics.load32(at + SLOT.webLock) !== 0;
  }

  /** The name of the Web Lock of an identity: the random boot id tells the memories apart. */
  #webLockOf(identity: number): string {
    const id = new Uint8Array(this.#region.buffer).slice(HEADER.boot, HEADER.boot + 16);
    return `interlock ${id} ${identity}`;
  }

  /**
   * Frees the slots of dead threads, except slots that a lock names.
   *
   * @returns The number of slots of dead threads that a lock names.
   */
  #reclaim(alone: boolean): number {
    const gone = new Set<number>();
    for (const { slot, claim, identity } of this.#slots.claimed()) {
      if (identity === claim) {
        if (this.isGone(identity)) gone.add(identity);
        // Its claimer died: no other thread claims a slot now.
      } else if (alone) this.#slots.free(slot, claim);
    }
    const all = gone.size;
    if (all > 0) {
      for (const word of lockWordsOf(this.#region)) {
        if (word !== 0 && gone.delete(word & OWNER) && gone.size === 0) break;
      }
    }
    for (const identity of gone) this.free(identity);
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
}
