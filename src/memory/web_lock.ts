import { adapter } from "../runtime/adapters/adapter.ts";

/** The part of the Web Locks API used here: browsers, Deno from 2.9 and Node from 24.5 have it. */
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

/** Whether the runtime has Web Locks, by which a thread learns of the end of another. */
export function hasWebLocks(): boolean {
  return locks() !== undefined;
}

/**
 * Holds a Web Lock until this thread ends. The main thread needs none, since all others end with
 * it; in Deno, a lock would keep the process alive.
 *
 * @param onHeld Called when it is held: within the call if the runtime grants a free lock then, so
 * that the end of a worker before its first task is noticed as well.
 */
export function holdWebLock(name: string, onHeld: () => void): void {
  const manager = locks();
  if (manager === undefined || adapter.parentThread() === undefined) return;
  const { grantsWebLocksLater } = adapter;
  void manager.request(name, {}, () => {
    if (grantsWebLocksLater) onHeld();
    return new Promise(() => {});
  });
  if (!grantsWebLocksLater) onHeld();
}

/** Calls `report` if no thread holds the Web Lock, without waiting for it. */
export async function whenWebLockIsFree(name: string, report: () => void): Promise<void> {
  await locks()?.request(name, { ifAvailable: true }, (lock) => {
    if (lock !== null) report();
  });
}
