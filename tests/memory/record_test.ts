import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { SegmentFormatError } from "../../src/contract/mod.ts";
import { defineRecord, field, type Fields, RawRecord } from "../../src/memory/mod.ts";
import { layoutOf } from "../../src/memory/record.ts";
import { ELEMENTS, TYPES } from "./fixtures/elements.ts";
import { assertOffsets, itInBoth } from "./fixtures/both_memories.ts";

const EVERY = defineRecord({
  Int8: "Int8",
  Float64: "Float64",
  Uint8: "Uint8",
  Int16: "Int16",
  name: field.text(5),
  Uint16: "Uint16",
  BigInt64: "BigInt64",
  Int32: "Int32",
  data: field.bytes(3),
  Uint32: "Uint32",
  BigUint64: "BigUint64",
  Float32: "Float32",
});

describe("The description of a record", () => {
  it("places each field on a multiple of its bytes, in the order of the fields", () => {
    assert.equal(layoutOf(defineRecord({ a: "Int8" })).size, 8);
    assert.equal(layoutOf(defineRecord({ a: "Int8", b: "Float64" })).size, 16);
    assert.equal(layoutOf(defineRecord({ a: "Int8", b: "Int16", c: "Int8", d: "Int8" })).size, 8);
    assert.equal(layoutOf(defineRecord({ a: field.text(12), b: "Int8" })).size, 24);
  });

  it("has a shape that depends on names, types, sizes and order, and on nothing else", () => {
    const shapeOf = (fields: Fields) => layoutOf(defineRecord(fields)).shape;
    const others: Fields[] = [
      { a: "Int8" },
      { b: "Int8" },
      { a: "Uint8" },
      { a: field.text(3) },
      { a: field.bytes(3) },
      { a: field.text(4) },
      { a: "Int8", b: "Int8" },
      { b: "Int8", a: "Int8" },
    ];
    assert.equal(new Set(others.map((fields) => shapeOf(fields))).size, others.length);
    for (const fields of others) assert.equal(shapeOf(fields), shapeOf({ ...fields }));
    assert.match(shapeOf({ a: "Int8" }), /^of 1 field, [0-9a-f]{8}$/);
  });

  it("takes only valid names and types", () => {
    for (const name of ["", "a b", "0", "7x", "a.b", "ü", "__proto__"]) {
      assert.throws(() => defineRecord({ [name]: "Int8" }), TypeError, name);
    }
    for (const type of ["int8", "", null, undefined, 7, {}, { kind: "blob", size: 3 }]) {
      assert.throws(() => defineRecord({ a: type } as unknown as Fields), TypeError, String(type));
    }
    for (const fields of [{}, undefined, null, 7] as unknown as Fields[]) {
      assert.throws(() => defineRecord(fields), TypeError);
    }
    for (const most of [0, -1, 1.5, NaN, Infinity, 2 ** 31]) {
      assert.throws(() => field.text(most), RangeError, String(most));
      assert.throws(() => field.bytes(most), RangeError, String(most));
      assert.throws(() => defineRecord({ a: { kind: "text", size: most } }), RangeError);
    }
    defineRecord({ constructor: "Int8", toString: field.text(1), $: "Int8", _a1: "Int8" });
  });
});

describe("RawRecord", () => {
  it("takes offsets at which both of its copies are inside of the memory", () => {
    const description = defineRecord({ a: "Int8", b: "Float64" });
    assertOffsets((memory, offset) => new RawRecord(memory, offset, description), 8 + 2 * 16, 8);
    assert.equal(RawRecord.bytes(description), 128);
    assert.equal(RawRecord.bytes(defineRecord({ a: field.text(100) })), 256);
    const bare = { a: "Int8" } as unknown as typeof description;
    assert.throws(() => RawRecord.bytes(bare), /TypeError.*defineRecord\(/);
  });

  itInBoth("begins with zeros, empty texts and no bytes", (memory) => {
    const value = new RawRecord(memory, 0, EVERY).read();
    for (const type of TYPES) assert.equal(value[type], ZERO[type]);
    assert.equal(value.name, "");
    assert.deepEqual(value.data, new Uint8Array(0));
    assert.deepEqual(Object.keys(value), Object.keys(EVERY.fields));
  });

  for (const type of TYPES) {
    const { kept, far, wrong } = ELEMENTS[type];
    itInBoth(
      `stores all values of ${type}, no others, and keeps the other fields`,
      (memory, again) => {
        const raw = new RawRecord(memory, 8, EVERY);
        const seen = new RawRecord(again(), 8, EVERY);
        const others = { name: "näme", data: Uint8Array.of(1, 0, 0) };
        raw.write(others);
        for (const value of kept) {
          assert.equal(raw.write({ [type]: value })[type], value);
          assert.deepEqual(seen.read(), { ...seen.read(), ...others, [type]: value });
        }
        for (const value of far) {
          assert.throws(() => raw.write({ [type]: value }), new RegExp(`RangeError.*"${type}"`));
        }
        for (const value of wrong) {
          assert.throws(() => raw.write({ name: "no", [type]: value }), TypeError, `${value}`);
        }
        assert.deepEqual(seen.tryRead(), { ...seen.read(), ...others, [type]: kept.at(-1) });
      },
    );
  }

  itInBoth("returns each text and all bytes unchanged", (memory, again) => {
    const description = defineRecord({
      before: "Int8",
      text: field.text(9),
      between: "Int8", // In the last word of the text.
      bytes: field.bytes(5),
      after: "Int8",
    });
    const raw = new RawRecord(memory, 0, description);
    const seen = new RawRecord(again(), 0, description);
    raw.write({ before: -1, after: -1 });
    let between = 0;
    const texts = [
      "12345678",
      "123456789",
      "",
      "a\0b\0\0",
      "\uFEFFbom",
      "äöü",
      "🔒🔒",
      " a ",
      "\0",
    ];
    const all = [[1, 2, 3, 4], [0, 0, 0, 0], [], [0], [255, 0]].map((one) => Uint8Array.from(one));
    for (const one of texts) {
      for (const other of all) {
        between = between % 127 + 1;
        if (between % 2) raw.write({ between });
        raw.write({ text: one, bytes: other });
        raw.write({ between });
        const expected = { before: -1, text: one, between, bytes: other, after: -1 };
        assert.deepEqual(seen.read(), expected);
        assert.deepEqual(raw.tryRead(), expected);
      }
    }
  });

  itInBoth(
    "refuses texts that are too long or not text, and unknown fields, without a change",
    (memory) => {
      const raw = new RawRecord(
        memory,
        0,
        defineRecord({ text: field.text(4), bytes: field.bytes(4), n: "Int8" }),
      );
      const value = { text: "1234", bytes: Uint8Array.of(9), n: 3 };
      raw.write(value);
      for (const one of ["12345", "🔒1", "äöü"]) {
        assert.throws(() => raw.write({ n: 4, text: one }), /RangeError.*"text"/);
      }
      for (const one of ["\uD800", 7, null, undefined, {}] as string[]) {
        assert.throws(() => raw.write({ n: 4, text: one }), /TypeError.*"text"/);
      }
      assert.throws(() => raw.write({ n: 4, bytes: new Uint8Array(5) }), /RangeError.*"bytes"/);
      for (const one of [[1], "a", null, new Uint16Array(1)] as unknown as Uint8Array[]) {
        assert.throws(() => raw.write({ n: 4, bytes: one }), /TypeError.*"bytes"/);
      }
      assert.throws(
        () => raw.write({ n: 4, m: 4 } as { n: number }),
        /TypeError.*"m".*text, bytes/,
      );
      for (const one of [null, undefined, 7, "a"] as unknown as typeof value[]) {
        assert.throws(() => raw.write(one), TypeError);
      }
      assert.deepEqual(raw.read(), value);
      raw.write({});
      assert.deepEqual(raw.read(), value);
    },
  );

  itInBoth("takes and returns copies", (memory) => {
    const raw = new RawRecord(memory, 0, defineRecord({ bytes: field.bytes(2), n: "Int8" }));
    const given = Uint8Array.of(1, 2);
    raw.write({ bytes: given });
    given[0] = 9;
    const value = raw.read();
    value.bytes[1] = 9;
    value.n = 9;
    assert.deepEqual(raw.read(), { bytes: Uint8Array.of(1, 2), n: 0 });
  });

  itInBoth("reports damage", (memory) => {
    const raw = new RawRecord(memory, 0, defineRecord({ text: field.text(4) }));
    new RawRecord(memory, 0, defineRecord({ n: "Int32" })).write({ n: 5 });
    assert.throws(() => raw.read(), SegmentFormatError);
    assert.throws(() => raw.tryRead(), SegmentFormatError);
  });

  itInBoth("refuses everything after the close of its memory", (memory) => {
    const raw = new RawRecord(memory, 0, defineRecord({ n: "Int8" }));
    memory.close();
    for (const use of [() => raw.read(), () => raw.tryRead(), () => raw.write({ n: 1 })]) {
      assert.throws(use, TypeError);
    }
  });
});

const ZERO = {
  ...Object.fromEntries(TYPES.map((type) => [type, 0])),
  BigInt64: 0n,
  BigUint64: 0n,
} as Record<typeof TYPES[number], number | bigint>;
