import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type ElementType, Memory, RawValue } from "../../src/memory/mod.ts";
import { ELEMENTS, TYPES } from "./fixtures/elements.ts";
import { assertOffsets, itInBoth } from "./fixtures/both_memories.ts";

describe("RawValue", () => {
  for (const type of TYPES) {
    const { bytes, kept, far, wrong } = ELEMENTS[type];

    it(`of type ${type} takes offsets inside of the memory, multiples of ${bytes}`, () => {
      assertOffsets((memory, offset) => new RawValue(memory, offset, type), bytes, bytes);
    });

    itInBoth(`of type ${type} stores all values of the type`, (memory, again) => {
      const value = new RawValue(memory, 128, type);
      const seen = new RawValue(again(), 128, type);
      assert.equal(Number(seen.value), 0);
      assert.equal(typeof seen.value, typeof kept[0]);
      for (const one of kept) {
        value.value = one;
        assert.equal(seen.value, one);
        assert.ok(Object.is(seen.value, one) || one === 0, `${type}: ${one}`);
      }
      assert.equal(value.type, type);
    });

    itInBoth(`of type ${type} refuses all other values, and keeps its value`, (memory) => {
      const value = new RawValue(memory, 0, type);
      value.value = kept[0];
      for (const one of far) {
        assert.throws(() => value.value = one, RangeError, String(one));
      }
      for (const one of wrong as (typeof value.value)[]) {
        assert.throws(() => value.value = one, TypeError, String(one));
      }
      assert.equal(value.value, kept[0]);
    });

    itInBoth(`of type ${type} does not change its neighbours`, (memory) => {
      const values = [0, 1, 2].map((i) => new RawValue(memory, i * bytes, type));
      values[1].value = kept[1];
      values[1].value = kept[0];
      assert.deepEqual([values[0].value, values[2].value].map(Number), [0, 0]);
      for (const value of [values[0], values[2]]) value.value = kept[1];
      assert.equal(values[1].value, kept[0]);
    });
  }

  itInBoth("is an Int32 by default", (memory) => {
    const value = new RawValue(memory, 0);
    value.value -= 7;
    assert.equal(value.type, "Int32");
    assert.equal(new RawValue(memory, 0, "Uint32").value, 2 ** 32 - 7);
    assert.equal(new RawValue(memory, 0, "Uint8").value, 249);
  });

  itInBoth("of type Float32 is rounded", (memory) => {
    const value = new RawValue(memory, 0, "Float32");
    value.value = 0.1;
    assert.equal(value.value, Math.fround(0.1));
  });

  itInBoth("refuses everything after the close of its memory", (memory) => {
    const values = TYPES.map((type) => new RawValue(memory, 0, type));
    memory.close();
    for (const value of values) {
      assert.throws(() => value.value, TypeError);
      assert.throws(() => value.value = ELEMENTS[value.type].kept[0], TypeError);
    }
  });

  it("refuses a type that does not exist", () => {
    const memory = Memory.anonymous(1);
    for (
      const type of ["int32", "", "toString", "__proto__", 4, null] as unknown as ElementType[]
    ) {
      assert.throws(() => new RawValue(memory, 0, type), TypeError, String(type));
    }
  });
});
