import { adapter } from "../runtime/adapters/adapter.ts";
import { type ThreadIdentity, threadIdentity } from "../runtime/identity/thread_identity.ts";
import { AsyncWaiters } from "./async_waiters.ts";
import { HeldLocks } from "./held_locks.ts";
import { HEADER, SLOTS } from "./layout.ts";
import type { LifeEntry } from "./life_word.ts";
import { OWNER } from "./lock_words.ts";
import type { ReaderEntries } from "./reader_entries.ts";
import type { Region } from "./region.ts";
import { requestSlots, watchSlots } from "./slot_watch.ts";
import { ThreadRegistry } from "./thread_registry.ts";
import type { WaitRecords } from "./wait_records.ts";
import type { WaitWatcher } from "./wait_watch.ts";
import { hasWebLocks } from "./web_lock.ts";

/** How the death of a thread that holds a lock is detected; see `Memory.recovery`. */
export type Recovery = "kernel" | "web-locks" | "none";

/** The slot of this thread in a memory, which all objects through which it was opened share. */
interface ThreadSlot {
  readonly identity: number;
  /** This thread as the system knows it; `undefined` if the runtime must not ask. */
  readonly thread: ThreadIdentity | undefined;
  /** By which the kernel learns of the slot; `undefined` if it does not. */
  readonly life: LifeEntry | undefined;
  users: number;
  /** Which objects of this thread keep its entries for readers. */
  readonly entries: ReaderEntries;
  /** The offsets of locks whose objects were collected while this thread held them. */
  readonly droppedLocks: Set<number>;
}

/** The slots of this thread, by the ids of the memories. */
const slots = new Map<string, ThreadSlot>();

/** This thread's use of a memory: its slot, its waiting tasks and the locks that it may hold. */
export class Attachment {
  readonly region: Region;
  /** The threads that have the memory open. */
  readonly threads: ThreadRegistry;
  /** The offsets of the locks that the directory names. */
  readonly namedLocks: Set<number> = new Set();
  /** What ends before the close: it leaves words that name this thread, though it holds no lock. */
  readonly endings: Set<() => void> = new Set();
  /** What finds deadlocks of the memory, if a segment asks for that. */
  deadlocks: WaitWatcher | undefined;
  #slot: ThreadSlot | undefined;
  #locks: HeldLocks | undefined;
  #waitRecords: WaitRecords | undefined;
  #asyncWaiters: AsyncWaiters | undefined;
  /** Whether the memory was sent to workers, so that this thread looks for workers that ended. */
  #isSent = false;

  /** The use of a region, which has no slot yet. */
  constructor(region: Region) {
    this.region = region;
    this.threads = new ThreadRegistry(region);
  }

  /** The owner that this thread writes into lock words; unique among all threads. */
  get identity(): number {
    return this.claim().identity;
  }

  /** This thread as the system knows it; `undefined` if the runtime must not ask. */
  get thread(): ThreadIdentity | undefined {
    return this.claim().thread;
  }

  /** The locks of this object, which keep the memory open while they are held. */
  get locks(): HeldLocks {
    return this.#locks ??= new HeldLocks(
      this.claim().droppedLocks,
      (offset) => this.#isHeld(offset),
    );
  }

  /** The tasks of this thread that wait for something in the memory. */
  get asyncWaiters(): AsyncWaiters {
    return this.#asyncWaiters ??= new AsyncWaiters(this.region, this.waitRecords);
  }

  /** The records of what this thread waits for; `undefined` while it has no slot. */
  get waitRecords(): WaitRecords | undefined {
    if (this.#slot === undefined) return undefined;
    return this.#waitRecords ??= this.threads.waitRecordsOf(this.#slot.identity);
  }

  /** How the death of a thread that holds a lock is detected. */
  get recovery(): Recovery {
    if (this.region.file !== undefined || adapter.mayCallC()) return "kernel";
    return hasWebLocks() ? "web-locks" : "none";
  }

  /** The slot of this thread, claimed if it has none. */
  claim(): ThreadSlot {
    if (this.#slot !== undefined) return this.#slot;
    const { region, threads } = this;
    const { id } = region;
    let slot = slots.get(id);
    if (slot === undefined) {
      const isMapped = region.file !== undefined;
      const thread = isMapped || adapter.mayCallC() ? threadIdentity() : undefined;
      if (thread === undefined) requestSlots(region, threads);
      const identity = threads.claim(thread, isMapped);
      const life = thread && threads.linkLife(identity, thread);
      const entries = { keepers: [], next: 0 };
      slot = { identity, thread, life, users: 0, entries, droppedLocks: new Set() };
      slots.set(id, slot);
      if (thread === undefined) threads.holdWebLock(identity);
    }
    slot.users++;
    return this.#slot = slot;
  }

  /** Notes that the memory is sent to workers. */
  noteSent(): void {
    if (this.#isSent || this.recovery !== "web-locks") return;
    this.#isSent = true;
    void watchSlots(this.region, this.threads);
  }

  /**
   * Checks that this object can be closed.
   *
   * @param closing With how many objects of this thread it is closed, itself included.
   * @throws {Error} If this object holds a lock.
   */
  checkUnheld(closing = 1): void {
    const held = this.#locks?.offsets() ?? new Set();
    const { users = 0, droppedLocks = new Set<number>() } = this.#slot ?? {};
    for (const offset of droppedLocks) {
      if (!this.#isHeld(offset)) droppedLocks.delete(offset);
      // A slot must not be free while a lock names it, or nobody could recover that lock.
      else if (users <= closing) held.add(offset);
    }
    if (held.size === 0) return;
    throw new Error(
      `Cannot close a memory: this thread holds ${held.size} of its locks; release them first. It ` +
        "holds a barrier until leave(), and a condition while it waits for it",
    );
  }

  /**
   * Closes the region; the last object of this thread frees its slot.
   *
   * @throws {Error} If this object holds a lock.
   */
  close(): void {
    const { region } = this;
    if (region.closed) return;
    this.checkUnheld();
    for (const end of this.endings) end();
    this.#asyncWaiters?.rejectAll(new TypeError("Cannot wait any longer: the memory was closed"));
    if (this.#isLast) {
      slots.delete(region.id);
      this.threads.free(this.#slot!.identity, this.#slot!.life);
    }
    if (this.#slot !== undefined) this.#slot.users--;
    // The watch looks at the region in a later task; otherwise, it would keep the memory.
    if (this.#isSent) region.wake(region.base + HEADER.crowded, SLOTS);
    region.close();
  }

  /** Whether no other object of this thread uses its slot. */
  get #isLast(): boolean {
    return this.#slot?.users === 1;
  }

  /** Whether this thread holds the lock at an offset after the base, by any object. */
  #isHeld(offset: number): boolean {
    const { atomics, base, size } = this.region;
    // Of a longer mapping, by which it can be released.
    if (offset >= HEADER.end + size) return true;
    return (atomics.load32(base + offset) & OWNER) === this.#slot?.identity;
  }
}
