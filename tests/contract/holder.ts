/**
 * A Web Worker that holds a lock until a shared flag is set.
 *
 * @module
 */
import { Flag, Memory, type MemoryHandle } from "../../src/memory/mod.ts";
import { adapter } from "../../src/runtime/mod.ts";
import { openSharedLock, type SharedLock } from "./shared_lock.ts";

/** The start message of a holder. */
export interface HolderStart {
  readonly shared: SharedLock;
  /** Memory with the flag at 0. */
  readonly handle: MemoryHandle;
}

const parent = adapter.parentThread();
if (parent === undefined) throw new Error("This module is for a Web Worker");

parent.onMessage((message) => {
  const { shared, handle } = message as HolderStart;
  const { lock, close } = openSharedLock(shared);
  const memory = Memory.from(handle);
  const letGo = new Flag(memory, 0);
  const nap = new Int32Array(new SharedArrayBuffer(4));
  lock.lock();
  parent.postMessage("held");
  while (!letGo.isSet) Atomics.wait(nap, 0, 0, 1);
  lock.unlock();
  close();
  parent.postMessage("released");
});
