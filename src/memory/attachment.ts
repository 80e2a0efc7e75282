import { adapter } from "../runtime/adapters/adapter.ts";
import { type ThreadIdentity, threadIdentity } from "../runtime/identity/thread_identity.ts";
import { AsyncWaiters } from "./async_waiters.ts";
import { HEADER, SLOTS } from "./layout.ts";
import type { Region } from "./region.ts";
import { requestSlots, watchSlots } from "./slot_watch.ts";
import { ThreadRegistry } from "./thread_registry.ts";
import { hasWebLocks } from "./web_lock.ts";

/** How the death of a thread that holds a lock is detected; see `Memory.recovery`. */
export type Recovery = "kernel" | "web-locks" | "none";

/** This thread's use of a memory: its slot, its waiting tasks and the locks that it may hold. */
export class Attachment {
  readonly region: Region;
  /** The threads that have the memory open. */
  readonly threads: ThreadRegistry;
  /** The offsets of the locks that the directory names. */
  readonly namedLocks: Set<number> = new Set();
  /** The locks of this object, which keep the memory open while they are held. */
  readonly locks: Set<{ readonly held: boolean }> = new Set();

  #identity = 0;
  #thread: ThreadIdentity | undefined;
  #asyncWaiters: AsyncWaiters | undefined;
  /** Whether the memory was sent to workers, so that this thread looks for workers that ended. */
  #isSent = false;

  /** The use of a region, which has no slot yet. */
  constructor(region: Region) {
    this.region = region;
    this.threads = new ThreadRegistry(region);
  }

  /** The owner that this object writes into lock words; unique among all threads. */
  get identity(): number {
    return this.#identity === 0 ? this.claim() : this.#identity;
  }

  /** This thread as the system knows it; `undefined` if the runtime must not ask. */
  get thread(): ThreadIdentity | undefined {
    void this.identity;
    return this.#thread;
  }

  /** The tasks of this thread that wait for something in the memory. */
  get asyncWaiters(): AsyncWaiters {
    return this.#asyncWaiters ??= new AsyncWaiters(this.region);
  }

  /** How the death of a thread that holds a lock is detected. */
  get recovery(): Recovery {
    if (this.region.isMapped || adapter.mayCallC()) return "kernel";
    return hasWebLocks() ? "web-locks" : "none";
  }

  /** Claims a slot for this object and returns its identity. */
  claim(): number {
    const { region, threads } = this;
    this.#thread = region.isMapped || adapter.mayCallC() ? threadIdentity() : undefined;
    if (this.#thread === undefined) requestSlots(region, threads);
    this.#identity = threads.claim(this.#thread, region.isMapped);
    if (this.#thread === undefined) threads.holdWebLock(this.#identity);
    return this.#identity;
  }

  /** Notes that the memory is sent to workers. */
  noteSent(): void {
    if (this.#isSent || this.recovery !== "web-locks") return;
    this.#isSent = true;
    void watchSlots(this.region, this.threads);
  }

  /**
   * Frees the slot and closes the region.
   *
   * @throws {Error} If this object holds a lock.
   */
  close(): void {
    const { region } = this;
    if (region.closed) return;
    const held = [...this.locks].filter(({ held }) => held).length;
    if (held > 0) {
      throw new Error(
        `Cannot close a memory: this thread holds ${held} of its locks; release them first`,
      );
    }
    this.#asyncWaiters?.rejectAll(new TypeError("Cannot wait any longer: the memory was closed"));
    if (this.#identity !== 0) this.threads.free(this.#identity);
    // The watch looks at the region in a later task; otherwise, it would keep the memory.
    if (this.#isSent) region.wake(region.base + HEADER.crowded, SLOTS);
    region.close();
  }
}
