import { RawArray } from "../../memory/raw_array.ts";
import { SharedArray } from "../../memory/shared_array.ts";
import type { Counting, CountingContext } from "./strategy.ts";

/** One cell of a shared array, under the array's own lock. */
export function arrayLock({ memory, offset }: CountingContext): Counting {
  const { mutex, raw } = new SharedArray(memory, offset, 1);
  return {
    count(times) {
      for (let i = 0; i < times; i++) {
        mutex.lock();
        try {
          raw.set(0, raw.get(0) + 1);
        } finally {
          mutex.unlock();
        }
      }
    },
    read: () => raw.get(0),
  };
}

/** One cell per worker, without a lock; the sum is taken at the end. */
export function rawArray({ memory, offset, worker, workers }: CountingContext): Counting {
  const cells = new RawArray(memory, offset, workers);
  return {
    count(times) {
      for (let i = 0; i < times; i++) cells.set(worker, cells.get(worker) + 1);
    },
    read() {
      let sum = 0;
      for (let i = 0; i < workers; i++) sum += cells.get(i);
      return sum;
    },
  };
}
