import { adapter } from "../runtime/adapter.ts";
import { HEADER, SLOTS } from "./layout.ts";
import type { Memory } from "./memory.ts";

/** The slice of the Web Locks API used here: browsers, Deno from 2.9 and Node from 24.5 have it. */
interface LockManager {
  request(
    name: string,
    options: { ifAvailable?: boolean },
    callback: (lock: unknown) => Promise<void> | void,
  ): Promise<void>;
}

function locks(): LockManager | undefined {
  return (globalThis as { navigator?: { locks?: LockManager } }).navigator?.locks;
}

/** Whether threads without a number of the system's can be missed here. */
export function hasWebLocks(): boolean {
  return locks() !== undefined;
}

function nameOf(memory: Memory, identity: number): string {
  const id = new Uint8Array(memory.buffer).slice(HEADER.boot, HEADER.boot + 16);
  return `interlock ${id} ${identity}`;
}

/**
 * Where the runtime may not ask the system about threads: holds a Web Lock for as long as this
 * thread lives, so that {@linkcode missWebLock} of another thread learns of its end. The main
 * thread needs none, since with it all others end; in Deno, a lock would keep it from ending.
 */
export function holdWebLock(memory: Memory, identity: number): void {
  if (adapter.parentThread() === undefined) return;
  const manager = locks();
  if (manager === undefined) return;
  // Held until this thread ends.
  void manager.request(nameOf(memory, identity), {}, () => new Promise(() => {}));
  // It is held already: both runtimes grant a free lock within the call, so a worker that ends
  // before its first task is noticed as well.
  memory.slots.markWebLock(identity);
}

/** The memories whose threads are all being asked about. */
const asked = new WeakSet<Memory>();

/** Whether half of the slots may belong to threads that ended. */
function isCrowded(memory: Memory): boolean {
  return memory.slots.withWebLock().length >= SLOTS / 2;
}

/** Asks about all threads that have a memory open, one after the other: there may be many. */
async function missAllWebLocks(memory: Memory): Promise<void> {
  if (asked.has(memory)) return;
  asked.add(memory);
  try {
    for (const identity of memory.slots.withWebLock()) {
      if (memory.closed) return;
      await missWebLock(memory, identity);
    }
  } catch {
    // The next claim asks again.
  } finally {
    asked.delete(memory);
  }
}

/**
 * Called before a slot is claimed: if half of the slots are taken, this thread and the threads in
 * {@linkcode watchRoom} look for workers that ended, long before the slots run out.
 */
export function askForRoom(memory: Memory): void {
  if (!isCrowded(memory)) return;
  const at = memory.base + HEADER.crowded;
  memory.atomic.add32(at, 1);
  memory.wake(at, SLOTS);
  void missAllWebLocks(memory);
}

/**
 * Has this thread, which sent a memory to workers, look for workers that ended whenever half of the
 * slots are taken: a worker may end before it gets an answer. Does not keep the process alive.
 */
export async function watchRoom(memory: Memory): Promise<void> {
  const at = memory.base + HEADER.crowded;
  while (!memory.closed) {
    const seen = memory.atomic.load32(at);
    if (isCrowded(memory)) await missAllWebLocks(memory);
    if (memory.closed) return;
    await memory.waitAsync(at, seen, Infinity);
  }
}

/**
 * Asks, without waiting, whether the thread of an identity has lost its Web Lock, and marks it as
 * gone then; the answer comes with a later task. Nothing is known of one that has none yet. Asked
 * anew each time, since Node now and then forgets a request that waits as a worker is terminated.
 *
 * A terminated worker of Deno whose thread runs on keeps its Web Lock as long, as has to be.
 */
export async function missWebLock(memory: Memory, identity: number): Promise<void> {
  if (!memory.slots.hasWebLock(identity)) return;
  await locks()?.request(nameOf(memory, identity), { ifAvailable: true }, (lock) => {
    if (lock !== null && !memory.closed) memory.slots.markGone(identity);
  });
}
