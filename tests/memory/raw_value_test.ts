import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { RawValue } from "../../src/memory/mod.ts";
import { assertPlaces, itInBoth } from "./fixtures/places.ts";

describe("RawValue", () => {
  it("is placed on a word inside of the memory", () => {
    assertPlaces((memory, offset) => new RawValue(memory, offset), 4, 4);
  });

  itInBoth("begins as 0 and is seen by whoever opens the memory", (memory, again) => {
    const value = new RawValue(memory, 128);
    const seen = new RawValue(again(), 128);
    const read = [seen.value];
    value.value = -7;
    read.push(seen.value);
    seen.value += 8;
    assert.deepEqual([...read, value.value], [0, -7, 1]);
  });

  itInBoth("leaves its neighbours alone", (memory) => {
    const values = [0, 4, 8].map((offset) => new RawValue(memory, offset));
    values[1].value = -1;
    assert.deepEqual(values.map(({ value }) => value), [0, -1, 0]);
  });

  itInBoth("wraps to 32 bits", (memory) => {
    const value = new RawValue(memory, 0);
    for (const [stored, read] of WRAPPED) {
      value.value = stored;
      assert.equal(value.value, read, String(stored));
    }
  });
});

/** What is stored, and what is then read. */
const WRAPPED = [
  [2147483647, 2147483647],
  [2147483648, -2147483648],
  [4294967295, -1],
  [4294967296, 0],
  [-2147483649, 2147483647],
  [1.9, 1],
  [-1.9, -1],
  [NaN, 0],
] as const;
