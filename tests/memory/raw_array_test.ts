import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Memory, RawArray } from "../../src/memory/mod.ts";
import { ELEMENTS, TYPES } from "./fixtures/elements.ts";
import { assertOffsets, itInBoth } from "./fixtures/both_memories.ts";

describe("RawArray", () => {
  it("takes offsets at which all of its integers are inside of the memory", () => {
    assertOffsets((memory, offset) => new RawArray(memory, offset, 10), 40, 4);
    const memory = Memory.anonymous(1);
    const most = (memory.size) / 4;
    assert.equal(new RawArray(memory, 0, most).length, most);
    assert.throws(() => new RawArray(memory, 0, most + 1), RangeError);
    assert.throws(() => new RawArray(memory, 4, most), RangeError);
  });

  it("refuses a length that is not a positive whole number", () => {
    const memory = Memory.anonymous(1);
    for (const length of [0, -1, 1.5, NaN, Infinity, 2 ** 31, 2 ** 53]) {
      assert.throws(() => new RawArray(memory, 0, length), RangeError, String(length));
    }
  });

  itInBoth("stores each integer, for all objects on the memory", (memory, again) => {
    const array = new RawArray(memory, 8, 100);
    const seen = new RawArray(again(), 8, 100);
    for (let i = 0; i < array.length; i++) array.set(i, i * i - 50);
    for (let i = 0; i < array.length; i++) assert.equal(seen.get(i), i * i - 50);
    seen.set(99, -(2 ** 31));
    assert.equal(array.get(99), -(2 ** 31));
    assert.deepEqual([...array].slice(0, 3), [-50, -49, -46]);
    assert.equal(new RawArray(memory, 8 + 400, 1).get(0), 0);
  });

  itInBoth("refuses an index outside of it", (memory) => {
    const array = new RawArray(memory, 0, 3);
    const neighbour = new RawArray(memory, 12, 1);
    for (const index of [-1, 3, 0.5, NaN, Infinity, 2 ** 32]) {
      assert.throws(() => array.get(index), RangeError, String(index));
      assert.throws(() => array.set(index, 1), RangeError, String(index));
    }
    assert.equal(neighbour.get(0), 0);
    assert.deepEqual([0, 1, 2].map((i) => array.get(i)), [0, 0, 0]);
  });

  for (const type of TYPES) {
    const { bytes, kept, far, wrong } = ELEMENTS[type];

    it(`of type ${type} takes offsets that are multiples of ${bytes}`, () => {
      assert.equal(RawArray.bytes(3, type), 3 * bytes);
      const place = (memory: Memory, offset: number) => new RawArray(memory, offset, 3, type);
      assertOffsets(place, 3 * bytes, bytes);
    });

    itInBoth(`of type ${type} stores all values of the type, and no others`, (memory, again) => {
      const array = new RawArray(memory, 8, kept.length, type);
      const seen = new RawArray(again(), 8, kept.length, type);
      kept.forEach((value, i) => array.set(i, value));
      assert.deepEqual([...seen], kept.map((value) => value));
      for (const value of far) assert.throws(() => array.set(1, value), RangeError, `${value}`);
      for (const value of wrong) {
        assert.throws(() => array.set(1, value as typeof kept[0]), TypeError, `${value}`);
      }
      assert.deepEqual([...seen], kept.map((value) => value));
      memory.close();
      assert.throws(() => array.get(0), TypeError);
      assert.throws(() => array.set(0, kept[0]), TypeError);
    });
  }
});
