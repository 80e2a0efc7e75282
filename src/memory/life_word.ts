import { adapter } from "../runtime/adapters/adapter.ts";
import { mapByte, unmapByte } from "../runtime/files/mapping.ts";
import type { ThreadIdentity } from "../runtime/identity/thread_identity.ts";
import { linkToRobustList, unlinkFromRobustList } from "../runtime/threads/robust_list.ts";

/** Bits of a robust futex: a thread may sleep on it; its owner, whose number it has, has ended. */
const FUTEX_WAITERS = 0x80000000 | 0;
const FUTEX_OWNER_DIED = 0x40000000;

/** The life word of a thread that lives and is in the list of the kernel. */
export function lifeWordOf({ thread }: ThreadIdentity): number {
  // A sleeper would have to set the first bit; so the kernel always wakes one.
  return thread | FUTEX_WAITERS;
}

/** Whether the kernel can still mark a life word, so that a thread can sleep on it. */
export function isAliveBy(word: number): boolean {
  return (word & FUTEX_WAITERS) !== 0 && (word & FUTEX_OWNER_DIED) === 0;
}

/** Whether the kernel has marked a life word: its thread has ended, or became another program. */
export function isDeadBy(word: number): boolean {
  return (word & FUTEX_OWNER_DIED) !== 0;
}

/**
 * The entry of a slot in the robust list of its thread, by which the kernel marks the life word of
 * the slot when the thread ends, and wakes a thread that sleeps on it.
 *
 * The kernel walks the list after the program of the thread has ended. V8 unmaps its memory before,
 * so the entry has a mapping of its own. That stays after the thread, unless the memory was closed.
 * So on V8, only the first thread has an entry: workers come and go. On JavaScriptCore, what a
 * worker has mapped stays anyway.
 */
export class LifeEntry {
  readonly #address: number;
  /** The offset of the life word in the file. */
  readonly #at: number;

  private constructor(address: number, at: number) {
    this.#address = address;
    this.#at = at;
  }

  /** Links the entry at an offset of an open file; `undefined` if there is none. */
  static link(fd: number, at: number, { pid, thread }: ThreadIdentity): LifeEntry | undefined {
    if (adapter.mapping !== "plain" && pid !== thread) return undefined;
    const address = mapByte(fd, at);
    if (address === undefined) return undefined;
    // SAFETY: the entry stays mapped until it is removed.
    if (linkToRobustList(address)) return new LifeEntry(address, at);
    unmapByte(address, at);
    return undefined;
  }

  /**
   * Removes the entry. If that fails, the slot must not be used again before the thread has ended:
   * the kernel could mark it as that of a dead thread.
   */
  unlink(): boolean {
    if (!unlinkFromRobustList(this.#address)) return false;
    unmapByte(this.#address, this.#at);
    return true;
  }
}
