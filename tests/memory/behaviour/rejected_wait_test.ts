import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AcquireOptions } from "../../../src/contract/mod.ts";
import { attachmentOf } from "../../../src/memory/memory.ts";
import { Flag, Memory, Mutex, RwLock, Semaphore } from "../../../src/memory/mod.ts";
import { describeRejected, type WaitUnderTest } from "../../contract/describe_rejected.ts";

/** Two objects on one memory: both mapped, or the same anonymous one. */
function memories(mapped: boolean): { mine: Memory; yours: Memory; close(): void } {
  if (!mapped) {
    const memory = Memory.anonymous(1024);
    return { mine: memory, yours: memory, close: () => memory.close() };
  }
  const folder = mkdtempSync(join(tmpdir(), "interlock-test-"));
  const path = join(folder, "memory");
  const [mine, yours] = [Memory.map(path, 1024), Memory.map(path, 1024)];
  return {
    mine,
    yours,
    close() {
      mine.close();
      yours.close();
      rmSync(folder, { recursive: true });
    },
  };
}

for (const mapped of [true, false]) {
  const kind = mapped ? "mapped" : "anonymous";
  const open = (memory: Memory) => {
    const rwLock = new RwLock(memory, 0);
    return {
      "A mutex": new Mutex(memory, 0),
      "A semaphore": new Semaphore(memory, 0, { permits: 1 }),
      "A read-write lock, shared": {
        acquire: (options?: AcquireOptions) =>
          rwLock.acquire(options === null ? options : { ...options, shared: true }),
        tryAcquire: () => rwLock.tryAcquire(),
      },
      "A read-write lock with a reader": {
        acquire: (options?: AcquireOptions) => rwLock.acquire(options),
        tryAcquire: () => rwLock.tryAcquire({ shared: true }),
      },
    };
  };
  const names = [
    "A mutex",
    "A semaphore",
    "A read-write lock, shared",
    "A read-write lock with a reader",
  ] as const;
  // The tasks of anonymous memory wait in the same way for all of these.
  for (const name of mapped ? names : names.slice(0, 1)) {
    describeRejected(`${name} of ${kind} memory`, (): WaitUnderTest => {
      const { mine, yours, close } = memories(mapped);
      const [waiting, other] = [mine, yours].map((memory) => open(memory)[name]);
      return {
        acquire: (options) => waiting.acquire(options),
        // Anonymous memory has one object here, which the holder uses as well.
        closeWaiter: () =>
          mapped
            ? closeUnheld(mine)
            : attachmentOf(mine).asyncWaiters.rejectAll(new Error("closed")),
        tryTake: () => other.tryAcquire(),
        close,
      };
    });
  }

  describeRejected(`A flag of ${kind} memory`, (): WaitUnderTest => {
    const { mine, yours, close } = memories(mapped);
    const [waiting, other] = [new Flag(mine, 0), new Flag(yours, 0)];
    return {
      acquire: async (options) => {
        await waiting.wait(options);
        return { release: () => {} };
      },
      closeWaiter: () =>
        mapped ? mine.close() : attachmentOf(mine).asyncWaiters.rejectAll(new Error("closed")),
      tryTake() {
        assert.equal(attachmentOf(mine).asyncWaiters.idle, true, "a task still waits");
        other.clear();
        return { release: () => other.set() };
      },
      close,
    };
  });
}

/** Closes a memory, unless this thread holds a lock in it: then the close fails. */
function closeUnheld(memory: Memory): void {
  try {
    memory.close();
  } catch (error) {
    assert.match((error as Error).message, /release them first/);
  }
}
