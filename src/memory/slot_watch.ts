import { HEADER, SLOTS } from "./layout.ts";
import type { Region } from "./region.ts";
import type { ThreadRegistry } from "./thread_registry.ts";

/** The memories whose threads are being checked. */
const checked = new WeakSet<Region>();

/** Whether half of the slots could belong to threads that ended. */
function isCrowded(threads: ThreadRegistry): boolean {
  return threads.withWebLock().length >= SLOTS / 2;
}

/**
 * Checks the Web Locks of all threads that have a memory open, one at a time: there may be many.
 */
async function checkAll(region: Region, threads: ThreadRegistry): Promise<void> {
  if (checked.has(region)) return;
  checked.add(region);
  try {
    for (const identity of threads.withWebLock()) {
      if (region.closed) return;
      await threads.checkWebLock(identity);
    }
  } catch {
    // The next claim checks again.
  } finally {
    checked.delete(region);
  }
}

/**
 * Called before a slot is claimed: if half of the slots are taken, this thread and the threads in
 * {@linkcode watchSlots} look for workers that ended, long before the slots run out.
 */
export function requestSlots(region: Region, threads: ThreadRegistry): void {
  if (!isCrowded(threads)) return;
  const at = region.base + HEADER.crowded;
  region.atomics.add32(at, 1);
  region.wake(at, SLOTS);
  void checkAll(region, threads);
}

/**
 * Lets this thread, which sent a memory to workers, look for workers that ended whenever half of
 * the slots are taken: a worker may end before it gets an answer. Does not keep the process alive.
 */
export async function watchSlots(region: Region, threads: ThreadRegistry): Promise<void> {
  const at = region.base + HEADER.crowded;
  while (!region.closed) {
    const seen = region.atomics.load32(at);
    if (isCrowded(threads)) await checkAll(region, threads);
    if (region.closed) return;
    await region.waitAsync(at, seen, Infinity);
  }
}
