import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Memory, Mutex, SharedArray } from "../../src/memory/mod.ts";
import { race, withThreads } from "../support/thread.ts";
import type { CountingStart } from "./fixtures/counting_worker.ts";
import { ELEMENTS, TYPES } from "./fixtures/elements.ts";
import { assertOffsets, itInBoth } from "./fixtures/both_memories.ts";

const COUNTING = new URL("./fixtures/counting_worker.ts", import.meta.url);

describe("SharedArray", () => {
  it("takes offsets at which it is inside of the memory, with its lock", () => {
    assertOffsets((memory, offset) => new SharedArray(memory, offset, 10), Mutex.BYTES + 40, 8);
    const memory = Memory.anonymous(1);
    for (const length of [0, -1, 1.5, NaN]) {
      assert.throws(() => new SharedArray(memory, 0, length), RangeError);
    }
  });

  it("takes multiples of 128 bytes, which keep neighbours apart", () => {
    for (const [length, bytes] of [[1, 256], [32, 256], [33, 384], [64, 384], [65, 512]]) {
      assert.equal(SharedArray.bytes(length), bytes);
    }
    assert.equal(SharedArray.bytes(128, "Int8"), 256);
    assert.equal(SharedArray.bytes(17, "Float64"), 384);
    for (const length of [0, -1, 1.5, NaN]) {
      assert.throws(() => SharedArray.bytes(length), RangeError);
    }
  });

  itInBoth("is the same for all objects on the memory", (memory, again) => {
    const array = new SharedArray(memory, 0, 40);
    const seen = new SharedArray(again(), 0, 40);
    array.mutex.lock();
    array.raw.set(39, 9);
    assert.equal(seen.mutex.tryAcquire(), undefined);
    assert.equal(seen.raw.get(39), 9);
    array.mutex.unlock();
    assert.equal(array.raw.length, 40);
    assert.throws(() => seen.raw.get(40), RangeError);
  });

  for (const type of TYPES) {
    const { kept, far, wrong } = ELEMENTS[type];
    itInBoth(`of type ${type} stores all values of the type, and no others`, (memory, again) => {
      const array = new SharedArray(memory, 128, kept.length, type);
      const seen = new SharedArray(again(), 128, kept.length, type);
      kept.forEach((value, i) => array.set(i, value));
      assert.deepEqual(seen.toArray(), [...kept]);
      assert.equal(seen.update(1, () => kept[0]), kept[0]);
      assert.equal(array.get(1), kept[0]);
      for (const value of far) {
        assert.throws(() => array.set(1, value), RangeError);
        assert.throws(() => array.update(1, () => value), RangeError);
      }
      for (const value of wrong as typeof kept) {
        assert.throws(() => array.set(1, value), TypeError);
        assert.throws(() => array.update(1, () => value), TypeError);
      }
      assert.throws(() => array.get(kept.length), RangeError);
      assert.equal(array.get(1), kept[0]);
      assert.equal(array.mutex.owner(), undefined);
    });
  }

  itInBoth("is read, written and updated under its lock", (memory, again) => {
    const array = new SharedArray(memory, 0, 4);
    const seen = new SharedArray(again(), 0, 4);
    array.mutex.lock();
    const uses = [() => array.get(0), () => array.set(0, 1), () => array.toArray()];
    for (const use of [...uses, () => array.update(0, (n) => n)]) {
      assert.throws(use, { name: "DeadlockError" });
    }
    array.mutex.unlock();
    array.update(2, (n) => {
      assert.equal(seen.mutex.tryAcquire(), undefined);
      return n + 5;
    });
    assert.deepEqual(seen.toArray(), [0, 0, 5, 0]);
    assert.equal(seen.length, 4);
  });

  itInBoth("does not change its neighbour", (memory) => {
    const first = new SharedArray(memory, 0, 32);
    const second = new SharedArray(memory, SharedArray.bytes(32), 32);
    for (let i = 0; i < 32; i++) first.raw.set(i, -1);
    assert.equal(second.mutex.owner(), undefined);
    assert.equal(second.raw.get(0), 0);
    second.mutex.lock();
    assert.equal(first.raw.get(31), -1);
    second.mutex.unlock();
  });

  it("is exact for workers that hold its lock", { timeout: 60_000 }, async () => {
    const memory = Memory.anonymous(1);
    const start: CountingStart = { what: "array", handle: memory.handle!, rounds: 10_000 };
    await withThreads(4, COUNTING, (threads) => race(threads, threads.map(() => start)));
    const { raw } = new SharedArray(memory, 0, 10);
    for (let i = 0; i < raw.length; i++) assert.equal(raw.get(i), 4_000);
  });
});
