import { regionOf } from "../../src/memory/memory.ts";
import { RwLock } from "../../src/memory/mod.ts";
import { peers } from "../launch.ts";
import { type BenchContext, claim, MEMORY, on, type Subject } from "./subject.ts";

const alone = on(MEMORY, ({ memory, offset }: BenchContext) => new RwLock(memory, offset));
/** The integers of all workers, each in a cache line of its own; each worker counts in one. */
const CELLS = RwLock.BYTES;
const CELL = 128;
const reading = on(MEMORY, ({ memory, offset, worker, workers }) => {
  const region = regionOf(memory);
  const at = region.resolve(offset + CELLS, CELL * workers, 4);
  const cells = new Int32Array(region.buffer, at, (CELL / 4) * workers);
  return { lock: new RwLock(memory, offset), cells, mine: (CELL / 4) * worker };
});

const READ = { operation: "read lock, unlock", medium: "mapped" } as const;
const TOGETHER = {
  operation: "read lock, increment of its own, unlock",
  medium: "mapped",
} as const;

/** A reader in C that tells of itself in a word of its own, and looks at a gate. */
const OWN_WORD = "the same with a word of each reader's own";
const SIZES = [1, 2, 4];

/** The read-write lock in shared memory. */
export const subject: Subject = {
  name: "rw_lock",
  operations: [
    alone(READ.operation, (lock) => () => {
      lock.lockShared();
      lock.unlockShared();
    }),
    alone("write lock, unlock", (lock) => () => {
      lock.lock();
      lock.unlock();
    }),
    alone("read guard by using", (lock) => () => {
      using _guard = lock.acquireSync({ shared: true });
    }),
    reading(TOGETHER.operation, ({ lock, cells, mine }) => () => {
      lock.lockShared();
      cells[mine]++;
      lock.unlockShared();
    }, {
      sizes: SIZES,
      processes: true,
      read: ({ cells }) => cells.reduce((sum, cell) => sum + cell, 0),
    }),
  ],
  programs: peers("c", "mapped", SIZES, {
    [TOGETHER.operation]: "read-lock",
    [OWN_WORD]: "own-word",
  }),
  goals: [
    claim("A read lock, alone, costs at most 1.5 times the mutex")
      .about({ ...READ, setting: "alone" })
      .costs(1.5, { subject: "mutex", operation: "lock, unlock" }),
    claim("A read lock, alone, costs no more than C's")
      .about({ ...TOGETHER, setting: "alone" }).costs(1, { by: "c" }),
    claim("Two processes that read do so at 0.9 times the rate of C's with a word of its own each")
      .about({ ...TOGETHER, setting: "processes", count: 2 })
      .isFaster(0.9, { by: "c", operation: OWN_WORD }),
  ],
};
