import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { attachmentOf } from "../../../src/memory/memory.ts";
import { Flag, Memory, Mutex } from "../../../src/memory/mod.ts";
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
  describeRejected(`A mutex of ${kind} memory`, (): WaitUnderTest => {
    const { mine, yours, close } = memories(mapped);
    const [waiting, other] = [new Mutex(mine, 0), new Mutex(yours, 0)];
    return {
      acquire: (options) => waiting.acquire(options),
      // Anonymous memory has one object here, which the holder uses as well.
      closeWaiter: () =>
        mapped ? closeUnheld(mine) : attachmentOf(mine).asyncWaiters.rejectAll(new Error("closed")),
      tryTake: () => other.tryAcquire(),
      close,
    };
  });

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
