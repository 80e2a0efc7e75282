import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Memory, Mutex, RawValue, SharedValue } from "../../src/memory/mod.ts";
import { race, withThreads } from "../support/thread.ts";
import type { CountingStart } from "./fixtures/counting_worker.ts";
import { assertPlaces, itInBoth } from "./fixtures/places.ts";

const COUNTING = new URL("./fixtures/counting_worker.ts", import.meta.url);

describe("SharedValue", () => {
  it("is placed, with its lock, inside of the memory", () => {
    assertPlaces((memory, offset) => new SharedValue(memory, offset), Mutex.BYTES + 4, 8);
    assert.equal(SharedValue.BYTES, Mutex.BYTES + RawValue.BYTES);
  });

  itInBoth("is seen by whoever opens the memory, wrapped to 32 bits", (memory, again) => {
    const value = new SharedValue(memory, 128);
    const seen = new SharedValue(again(), 128);
    assert.equal(seen.value, 0);
    value.value = 5;
    seen.value += 1;
    assert.equal(value.value, 6);
    value.value = 2 ** 32 - 1;
    assert.equal(seen.value, -1);
  });

  itInBoth("leaves its lock free after a read and after a write", (memory) => {
    const mutex = new Mutex(memory, 0);
    const value = new SharedValue(memory, 0);
    value.value = value.value + 1;
    assert.equal(mutex.owner(), undefined);
  });

  it("is locked during a read and a write: its holder cannot do either", () => {
    const memory = Memory.anonymous(1);
    const value = new SharedValue(memory, 0);
    new Mutex(memory, 0).lock();
    assert.throws(() => value.value, { name: "DeadlockError" });
    assert.throws(() => value.value = 1, { name: "DeadlockError" });
    assert.equal(new RawValue(memory, Mutex.BYTES).value, 0);
  });

  it("is exact for workers that lock around the whole step", { timeout: 30_000 }, async () => {
    const memory = Memory.anonymous(1);
    const start: CountingStart = { what: "value", handle: memory.handle!, rounds: 10_000 };
    await withThreads(4, COUNTING, (threads) => race(threads, threads.map(() => start)));
    assert.equal(new SharedValue(memory, 0).value, 40_000);
  });
});
