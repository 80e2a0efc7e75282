import { withLock } from "../../src/contract/mod.ts";
import { regionOf } from "../../src/memory/memory.ts";
import { Mutex } from "../../src/memory/mod.ts";
import { cellOf, type Goal, MEMORY, minor, type Operation, type Subject } from "./subject.ts";

const SIZES = [1, 2, 4, 16, 64];

function measuredAlone(name: string, alone: (mutex: Mutex) => () => unknown): Operation {
  return { name, media: MEMORY, alone: ({ memory, offset }) => alone(new Mutex(memory, offset)) };
}

function contended(operation: string, times: number, claim: string): Goal[] {
  return [2, 4, 16].map((count) => ({
    claim,
    kind: "at most times",
    goal: times,
    row: { operation: "lock, increment, unlock", medium: "mapped", setting: "processes", count },
    of: { by: "c", operation },
  }));
}

/** The mutex in shared memory, and the futex that it sleeps on. */
export const subject: Subject = {
  name: "mutex",
  operations: [
    measuredAlone("lock, unlock", (mutex) => () => {
      mutex.lock();
      mutex.unlock();
    }),
    {
      name: "lock, increment, unlock",
      media: MEMORY,
      alone: ({ memory, offset }) => {
        const mutex = new Mutex(memory, offset);
        const cell = cellOf(memory, offset + Mutex.BYTES);
        return () => {
          mutex.lock();
          cell[0]++;
          mutex.unlock();
        };
      },
      together: ({ memory, offset }) => {
        const mutex = new Mutex(memory, offset);
        const cell = cellOf(memory, offset + Mutex.BYTES);
        return {
          run(times) {
            for (let i = 0; i < times; i++) {
              mutex.lock();
              cell[0]++;
              mutex.unlock();
            }
          },
          read: () => cell[0],
        };
      },
    },
    measuredAlone("guard by using", (mutex) => () => {
      using _guard = mutex.acquireSync();
    }),
    measuredAlone("guard by try, finally", (mutex) => () => {
      const guard = mutex.acquireSync();
      try {
        return guard.token;
      } finally {
        guard.release();
      }
    }),
    minor(measuredAlone("tryAcquire, release", (mutex) => () => mutex.tryAcquire()!.release())),
    minor(measuredAlone("withLock", (mutex) => () => withLock(mutex, () => {}))),
    {
      name: "hand-over",
      media: ["mapped"],
      relay: ({ memory, offset }) => new Mutex(memory, offset),
    },
    {
      name: "hand-over to a task",
      media: ["mapped"],
      relay: ({ memory, offset }) => {
        const mutex = new Mutex(memory, offset);
        let release = () => {};
        return {
          async lock() {
            const guard = await mutex.acquire();
            release = () => guard.release();
          },
          unlock: () => release(),
        };
      },
    },
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
    {
      by: "c",
      program: "robust-mutex",
      name: "lock, increment, unlock",
      medium: "mapped",
      sizes: SIZES,
    },
    {
      by: "c",
      program: "mutex",
      name: "lock, increment, unlock; not robust",
      medium: "mapped",
      sizes: SIZES,
    },
    {
      by: "c",
      program: "semaphore",
      name: "semaphore: wait, increment, post",
      medium: "mapped",
      sizes: SIZES,
    },
    { by: "c", program: "barrier", name: "barrier", medium: "mapped", sizes: [2, 4, 16] },
    { by: "c", program: "robust-mutex", name: "hand-over", medium: "mapped", sizes: "relay" },
    { by: "c", program: "wake-up", name: "wake-up", medium: "mapped", sizes: "relay" },
  ],
  goals: [
    {
      claim: "A mutex around an increment, alone, costs no more than C's robust one",
      kind: "at most times",
      goal: 1,
      row: { operation: "lock, increment, unlock", medium: "mapped", setting: "alone" },
      of: { by: "c" },
    },
    ...contended(
      "lock, increment, unlock",
      0.6,
      "A mutex of several processes costs at most 0.6 times C's robust one",
    ),
    ...contended(
      "lock, increment, unlock; not robust",
      1,
      "A mutex of several processes costs no more than C's plain one",
    ),
    {
      claim: "A thread is woken in at most 1.5 times C's time",
      kind: "at most times",
      goal: 1.5,
      row: { operation: "wake-up" },
      of: { by: "c" },
    },
  ],
};
