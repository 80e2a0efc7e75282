/**
 * A Web Worker that increments a number, not atomically, inside a lock.
 *
 * @module
 */
import { Flag, Memory, type MemoryHandle, RawValue } from "../../src/memory/mod.ts";
import { serveRace } from "../support/racer.ts";
import { openSharedLock, type SharedLock } from "./shared_lock.ts";

/** The start message of a contender. */
export interface ContenderStart {
  readonly shared: SharedLock;
  readonly rounds: number;
  /** Memory with the number at 0, and a flag at 128 that is set while a contender is inside. */
  readonly handle: MemoryHandle;
}

serveRace(({ shared, rounds, handle }: ContenderStart) => {
  const memory = Memory.from(handle);
  const number = new RawValue(memory, 0);
  const inside = new Flag(memory, 128);
  const { lock, close } = openSharedLock(shared);

  let intrusions = 0;
  const increment = () => {
    if (inside.isSet) intrusions++;
    inside.set();
    number.value += 1;
    inside.clear();
  };

  /** Returns how often another contender was inside at the same time. */
  return () => {
    for (let i = 0; i < rounds; i++) {
      if (i % 2 === 0) {
        lock.lock();
        increment();
        lock.unlock();
      } else lock.runSync(increment);
    }
    close();
    return intrusions;
  };
});
