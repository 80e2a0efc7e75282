import { withLock } from "../../src/contract/mod.ts";
import { regionOf } from "../../src/memory/memory.ts";
import { Mutex } from "../../src/memory/mod.ts";
import { peers } from "../launch.ts";
import {
  type BenchContext,
  claim,
  handOffs,
  HOLDS,
  MEMORY,
  on,
  SIZES,
  type Subject,
} from "./subject.ts";

const open = ({ memory, offset }: BenchContext) => new Mutex(memory, offset);
const alone = on(MEMORY, open);
/** A mutex and an integer for its holder. */
const guarding = on(MEMORY, (context) => {
  const region = regionOf(context.memory);
  const at = region.resolve(context.offset + Mutex.BYTES, 4, 4);
  return { mutex: open(context), cell: new Int32Array(region.buffer, at, 1) };
});

const INCREMENT = { operation: "lock, increment, unlock", medium: "mapped" } as const;
const CONTENDED = { ...INCREMENT, setting: "processes", count: [2, 4, 16] } as const;

/** The mutex in shared memory, and the futex that it sleeps on. */
export const subject: Subject = {
  name: "mutex",
  operations: [
    alone("lock, unlock", HOLDS.pair),
    guarding(INCREMENT.operation, ({ mutex, cell }) => () => {
      mutex.lock();
      cell[0]++;
      mutex.unlock();
    }, { sizes: SIZES, read: ({ cell }) => cell[0] }),
    alone("guard by using", HOLDS.byUsing),
    alone("guard by try, finally", HOLDS.byFinally),
    alone("tryAcquire, release", (mutex) => () => mutex.tryAcquire()!.release()),
    alone("withLock", (mutex) => () => withLock(mutex, () => {})),
    ...handOffs(["mapped"], open),
    {
      name: "wake-up",
      media: ["mapped"],
      relay: ({ memory, offset, worker }) => {
        const region = regionOf(memory);
        const { atomics } = region;
        const at = region.resolve(offset, 4, 4);
        return {
          lock() {
            while (atomics.load32(at) !== worker) region.wait(at, 1 - worker);
          },
          unlock() {
            atomics.store32(at, 1 - worker);
            region.wake(at, 1);
          },
        };
      },
    },
  ],
  programs: [
    ...peers("c", "mapped", SIZES, {
      "lock, increment, unlock": "robust-mutex",
      "lock, increment, unlock; not robust": "mutex",
      "semaphore: wait, increment, post": "semaphore",
    }),
    ...peers("c", "mapped", [2, 4, 16], { "barrier": "barrier" }),
    ...peers("c", "mapped", "pair", { "hand-off": "robust-mutex", "wake-up": "wake-up" }),
  ],
  goals: [
    claim("A mutex around an increment, alone, costs no more than C's robust one")
      .about({ ...INCREMENT, setting: "alone" }).costs(1, { by: "c" }),
    claim("A mutex of several processes costs at most 0.6 times C's robust one")
      .about(CONTENDED).costs(0.6, { by: "c" }),
    claim("A mutex of several processes costs no more than C's plain one")
      .about(CONTENDED)
      .costs(1, { by: "c", operation: "lock, increment, unlock; not robust" }),
    claim("A thread is woken in at most 1.5 times C's time")
      .about({ operation: "wake-up" }).costs(1.5, { by: "c" }),
  ],
};
