import { adapter } from "../runtime/adapter.ts";
import { HEADER } from "./layout.ts";
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
  void locks()?.request(nameOf(memory, identity), {}, () => {
    memory.slots.markWebLock(identity);
    return new Promise(() => {}); // To the end of this thread.
  });
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
