import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { regionOf } from "../../src/memory/memory.ts";
import { Memory, Mutex, type MutexGuard, RawValue, SharedValue } from "../../src/memory/mod.ts";
import { race, withThreads } from "../support/thread.ts";
import type { CountingStart } from "./fixtures/counting_worker.ts";
import { ELEMENTS, TYPES } from "./fixtures/elements.ts";
import { assertOffsets, itInBoth } from "./fixtures/both_memories.ts";

const COUNTING = new URL("./fixtures/counting_worker.ts", import.meta.url);

describe("SharedValue", () => {
  it("takes offsets at which it is inside of the memory, with its lock", () => {
    assertOffsets((memory, offset) => new SharedValue(memory, offset), Mutex.BYTES + 4, 8);
    assert.equal(SharedValue.BYTES, Mutex.BYTES + RawValue.BYTES);
  });

  itInBoth("is the same for all objects on the memory", (memory, again) => {
    const value = new SharedValue(memory, 128);
    const seen = new SharedValue(again(), 128);
    assert.equal(seen.value, 0);
    value.value = 5;
    seen.value += 1;
    assert.equal(value.value, 6);
  });

  for (const type of TYPES) {
    const { kept, far, wrong } = ELEMENTS[type];
    itInBoth(`of type ${type} stores all values of the type, and no others`, (memory, again) => {
      const value = new SharedValue(memory, 128, type);
      const seen = new SharedValue(again(), 128, type);
      for (const one of kept) {
        value.value = one;
        assert.equal(seen.value, one);
      }
      assert.equal(seen.update(() => kept[0]), kept[0]);
      for (const one of far) {
        assert.throws(() => value.value = one, RangeError);
        assert.throws(() => value.update(() => one), RangeError);
      }
      for (const one of wrong as (typeof value.value)[]) {
        assert.throws(() => value.value = one, TypeError);
        assert.throws(() => value.update(() => one), TypeError);
      }
      assert.equal(seen.value, kept[0]);
      const [zero, one] = (typeof kept[0] === "bigint" ? [0n, 1n] : [0, 1]) as typeof kept;
      value.value = zero;
      assert.equal(value.add(one), one);
      assert.equal(value.add(one), seen.value);
      value.value = zero;
      for (const far of ELEMENTS[type].far) assert.throws(() => value.add(far), RangeError);
      for (const one of [...wrong, typeof zero === "bigint" ? 1 : 1n] as (typeof zero)[]) {
        assert.throws(() => value.add(one), TypeError);
      }
      assert.equal(seen.value, zero);
      assert.equal(value.mutex.owner(), undefined);
    });
  }

  itInBoth("is updated in one step, or not changed", (memory, again) => {
    const value = new SharedValue(memory, 0);
    const seen = new SharedValue(again(), 0);
    assert.equal(value.update((n) => n + 1), 1);
    const inside = value.update((n) => {
      assert.equal(seen.mutex.tryAcquire(), undefined);
      assert.throws(() => value.value, { name: "DeadlockError" });
      assert.equal(value.raw.value, n);
      return n + 1;
    });
    assert.equal(inside, 2);
    assert.throws(() => value.update(() => assert.fail("no")), /no/);
    assert.equal(seen.value, 2);
  });

  itInBoth("adds within 32 bits, or changes nothing", (memory, again) => {
    const value = new SharedValue(memory, 0);
    const seen = new SharedValue(again(), 0);
    value.value = 2 ** 31 - 2;
    assert.equal(value.add(1), 2 ** 31 - 1);
    assert.throws(() => value.add(1), RangeError);
    assert.equal(seen.value, 2 ** 31 - 1);
    assert.equal(value.add(-(2 ** 31)), -1);
    assert.throws(() => value.add(-(2 ** 31)), RangeError);
    assert.equal(value.add(2 ** 31), 2 ** 31 - 1, "a sum within 32 bits of a number that is not");
    seen.mutex.runSync(() => {
      assert.throws(() => value.add(1), { name: "DeadlockError" });
      assert.equal(seen.raw.value, 2 ** 31 - 1);
    });
  });

  itInBoth("releases its lock to a task that came while it did a step", async (memory) => {
    const value = new SharedValue(memory, 0);
    const region = regionOf(memory);
    const { atomics } = region;
    for (const isDone of [true, false]) {
      let waiting: Promise<MutexGuard> | undefined;
      // As the step does it, but with a waiter that comes before the release.
      const locked32: typeof atomics.locked32 = (word, me, at, _what, n) => {
        region.atomics = atomics;
        assert.equal(atomics.tryLock(word, me, 0), 1);
        waiting = value.mutex.acquire();
        assert.notEqual(atomics.load32(word), me);
        if (isDone) atomics.store32(at, n);
        return isDone ? n + 2 ** 32 : Infinity;
      };
      // Not a copy, since the methods of one implementation are on its prototype.
      region.atomics = new Proxy({} as typeof atomics, {
        get: (_, name) => name === "locked32" ? locked32 : Reflect.get(atomics, name, atomics),
      });
      value.value = isDone ? -3 : 4;
      using _guard = await waiting!;
      assert.equal(value.raw.value, isDone ? -3 : 4);
    }
  });

  itInBoth("is exact for workers that add to it and update it", async (memory, _again, handle) => {
    const start: CountingStart = { what: "value adds", handle, rounds: 10_000 };
    await withThreads(4, COUNTING, (threads) => race(threads, threads.map(() => start)));
    assert.equal(new SharedValue(memory, 0).value, 40_000);
  });

  itInBoth("is exact for workers that update it", async (memory, _again, handle) => {
    const start: CountingStart = { what: "update", handle, rounds: 10_000 };
    await withThreads(4, COUNTING, (threads) => race(threads, threads.map(() => start)));
    assert.equal(new SharedValue(memory, 0, "Float64").value, 20_000);
  });

  itInBoth("releases its lock after a read and after a write", (memory) => {
    const mutex = new Mutex(memory, 0);
    const value = new SharedValue(memory, 0);
    value.value = value.value + 1;
    assert.equal(mutex.owner(), undefined);
  });

  it("takes its lock for a read and a write, so its holder can do neither", () => {
    const memory = Memory.anonymous(1);
    const value = new SharedValue(memory, 0);
    new Mutex(memory, 0).lock();
    assert.throws(() => value.value, { name: "DeadlockError" });
    assert.throws(() => value.value = 1, { name: "DeadlockError" });
    assert.equal(new RawValue(memory, Mutex.BYTES).value, 0);
  });

  it("is exact for workers that lock around the whole step", { timeout: 60_000 }, async () => {
    const memory = Memory.anonymous(1);
    const start: CountingStart = { what: "value", handle: memory.handle!, rounds: 10_000 };
    await withThreads(4, COUNTING, (threads) => race(threads, threads.map(() => start)));
    assert.equal(new SharedValue(memory, 0).value, 40_000);
  });
});
