import { Mutex } from "../../memory/mutex.ts";
import { RawValue } from "../../memory/raw_value.ts";
import { SharedValue } from "../../memory/shared_value.ts";
import type { Counting, CountingContext } from "./strategy.ts";

function place({ memory, offset }: CountingContext): { value: SharedValue; mutex: Mutex } {
  return {
    mutex: new Mutex(memory, offset),
    value: new SharedValue(memory, offset + Mutex.BYTES),
  };
}

/** A value whose read and whose write are each locked, but not the step between. */
export function value(context: CountingContext): Counting {
  const { value } = place(context);
  return {
    count(times) {
      for (let i = 0; i < times; i++) value.value += 1;
    },
    read: () => value.value,
  };
}

/** The same under a second lock, by a scoped guard. */
export function valueLock(context: CountingContext): Counting {
  const { value, mutex } = place(context);
  return {
    count(times) {
      for (let i = 0; i < times; i++) {
        using _guard = mutex.acquireSync();
        value.value += 1;
      }
    },
    read: () => value.value,
  };
}

/** The same by explicit acquire and release. */
export function valueLockManual(context: CountingContext): Counting {
  const { value, mutex } = place(context);
  return {
    count(times) {
      for (let i = 0; i < times; i++) {
        mutex.lock();
        try {
          value.value += 1;
        } finally {
          mutex.unlock();
        }
      }
    },
    read: () => value.value,
  };
}

/** A bare integer, no lock at all. */
export function rawValue({ memory, offset }: CountingContext): Counting {
  const value = new RawValue(memory, offset);
  return {
    count(times) {
      for (let i = 0; i < times; i++) value.value += 1;
    },
    read: () => value.value,
  };
}

/** A bare integer under one lock. */
export function rawValueLock({ memory, offset }: CountingContext): Counting {
  const mutex = new Mutex(memory, offset);
  const value = new RawValue(memory, offset + Mutex.BYTES);
  return {
    count(times) {
      for (let i = 0; i < times; i++) {
        mutex.lock();
        try {
          value.value += 1;
        } finally {
          mutex.unlock();
        }
      }
    },
    read: () => value.value,
  };
}
