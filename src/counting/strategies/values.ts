import { Mutex } from "../../memory/mutex.ts";
import { RawValue } from "../../memory/raw_value.ts";
import { SharedValue } from "../../memory/shared_value.ts";
import type { Counting, CountingContext } from "./strategy.ts";

function lockedValue({ memory, offset }: CountingContext): { value: SharedValue; mutex: Mutex } {
  return {
    mutex: new Mutex(memory, offset),
    value: new SharedValue(memory, offset + Mutex.BYTES),
  };
}

/** A value whose read and write are each locked, but not the increment as a whole. */
export function value(context: CountingContext): Counting {
  const { value } = lockedValue(context);
  return {
    count(times) {
      for (let i = 0; i < times; i++) value.value += 1;
    },
    read: () => value.value,
  };
}

/** The same under a second lock, with a scoped guard. */
export function valueLock(context: CountingContext): Counting {
  const { value, mutex } = lockedValue(context);
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

/** The same with explicit acquire and release. */
export function valueLockManual(context: CountingContext): Counting {
  const { value, mutex } = lockedValue(context);
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

/** A bare integer without a lock. */
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
