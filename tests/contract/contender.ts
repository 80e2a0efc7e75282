/**
 * A Web Worker that increments a number, not atomically, under a lock.
 *
 * @module
 */
import { Flag, Memory, type MemoryHandle, RawValue } from "../../src/memory/mod.ts";
import { serveRace } from "../support/racer.ts";
import { openSharedLock, type SharedLock } from "./shared_lock.ts";

/** What a contender is told at its start. */
export interface ContenderStart {
  readonly shared: SharedLock;
  readonly rounds: number;
  /** Memory with the number at 0, and at 128 whether somebody is inside. */
  readonly handle: MemoryHandle;
}

serveRace(({ shared, rounds, handle }: ContenderStart) => {
  const memory = Memory.from(handle);
  const number = new RawValue(memory, 0);
  const inside = new Flag(memory, 128);
  const { lock, close } = openSharedLock(shared);

  /** Returns how often somebody else was inside. */
  return () => {
    let intrusions = 0;
    for (let i = 0; i < rounds; i++) {
      lock.lock();
      if (inside.isSet) intrusions++;
      inside.set();
      number.value += 1;
      inside.clear();
      lock.unlock();
    }
    close();
    return intrusions;
  };
});
