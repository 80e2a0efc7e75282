import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { SegmentFormatError } from "../../src/contract/mod.ts";
import { Directory } from "../../src/memory/directory.ts";
import { checksum, HEADER } from "../../src/memory/layout.ts";
import { regionOf } from "../../src/memory/memory.ts";
import { Memory } from "../../src/memory/mod.ts";
import { damageDirectories } from "../stress/memory/damage.ts";
import { itInBoth } from "./fixtures/both_memories.ts";

const directoryOf = (memory: Memory) => new Directory({ region: regionOf(memory) }, "the test");

describe("Directory", () => {
  itInBoth("gives a name the same bytes each time", (memory, again) => {
    const [first, second] = [directoryOf(memory), directoryOf(again())];
    const a = first.obtain("a", "mutex", 16);
    const b = second.obtain("b", "array Int32 100", 400);
    assert.deepEqual(second.obtain("a", "mutex", 16), a);
    assert.deepEqual(first.find("b"), b);
    assert.equal(first.find("c"), undefined);
    assert.deepEqual([...first.entries()], [b, a]);
    for (const { offset } of [a, b]) {
      assert.equal(regionOf(memory).resolve(offset, 1, 128) % 128, 0);
    }
    assert.ok(b.offset >= a.offset + a.size || a.offset >= b.offset + b.size);
  });

  itInBoth("refuses a name as another kind, and names both kinds", (memory) => {
    const directory = directoryOf(memory);
    directory.obtain("a", "mutex", 16);
    assert.throws(() => directory.obtain("a", "counter", 8), /TypeError.*"a".*counter.*mutex/s);
  });

  itInBoth("shows no control characters of a name in its errors", (memory) => {
    const directory = directoryOf(memory);
    const name = 'a\n\x1b[31m"';
    directory.obtain(name, "mutex", 16);
    const shown = (error: unknown) => `${error}`.includes(JSON.stringify(name));
    assert.throws(() => directory.obtain(name, "counter", 8), shown);
    assert.throws(() => directory.obtain(name + "b", "mutex", 2 ** 30), /Cannot make "a\\n\\u001b/);
  });

  itInBoth("takes names of up to 64 bytes, of all letters", (memory) => {
    const directory = directoryOf(memory);
    for (const name of ["x", "ü".repeat(32), "a b\n", "0", "\u{1F512}"]) {
      assert.equal(directory.obtain(name, "flag", 4).name, name);
      assert.equal(directory.find(name)?.name, name);
    }
    for (const name of ["", "x".repeat(65), "ü".repeat(33), 7, undefined, null] as string[]) {
      assert.throws(() => directory.obtain(name, "flag", 4), TypeError);
    }
  });

  itInBoth("distinguishes similar names, and returns each unchanged", (memory, again) => {
    const [first, second] = [directoryOf(memory), directoryOf(again())];
    const names = [
      "jobs",
      "\uFEFFjobs",
      "\uFEFF\uFEFFjobs",
      "jobs\uFEFF",
      "\uFFFD",
      "e\u0301",
      "\u00e9",
    ];
    const entries = names.map((name) => first.obtain(name, "mutex", 16));
    assert.equal(new Set(entries.map(({ offset }) => offset)).size, names.length);
    assert.deepEqual(names.map((name) => second.obtain(name, "mutex", 16)), entries);
    assert.deepEqual([...second.entries()].map(({ name }) => name), names.toReversed());
  });

  itInBoth("notices what others add and remove", (memory, again) => {
    const [first, second] = [directoryOf(memory), directoryOf(again())];
    const a = first.obtain("a", "mutex", 16);
    assert.deepEqual(second.find("a"), a);
    assert.equal(first.remove(a.record), true);
    assert.equal(second.find("a"), undefined);
    const flag = second.obtain("a", "flag", 4);
    const b = second.obtain("b", "flag", 4);
    assert.deepEqual([first.find("b"), first.find("a")], [b, flag]);
  });

  itInBoth("reads a record once, so that many names cost no more each than few", (memory) => {
    const directory = directoryOf(memory);
    const a = directory.obtain("a", "mutex", 16);
    for (const name of ["b", "c"]) directory.obtain(name, "mutex", 16);
    const { buffer, base } = regionOf(memory);
    new Uint8Array(buffer)[base + HEADER.end + a.record + 12] ^= 1; // What its checksum covers.
    assert.throws(() => [...directory.entries()], SegmentFormatError);
    assert.equal(directory.obtain("d", "mutex", 16).name, "d");
    assert.deepEqual(directory.find("a"), a);
    regionOf(memory).atomics.store32(base + HEADER.end + a.record + 4, 7);
    assert.throws(() => directory.find("a"), /SegmentFormatError: .*has state 7/);
  });

  itInBoth("refuses names that UTF-8 cannot represent", (memory) => {
    const directory = directoryOf(memory);
    for (const name of ["a\ud800", "\udc00", "\ud800\ud800", "a\0", "\0"]) {
      assert.throws(() => directory.obtain(name, "mutex", 16), /TypeError: .*lone surrogate/);
    }
    assert.deepEqual([...directory.entries()], []);
  });

  it("reports a damaged name, even if the checksum matches", () => {
    const memory = Memory.anonymous(1);
    const directory = directoryOf(memory);
    directory.obtain("ab", "mutex", 16);
    const bytes = new Uint8Array(
      regionOf(memory).buffer,
      regionOf(memory).resolve(0, 128, 128),
      128,
    );
    bytes[21] = 0xff;
    const view = new DataView(regionOf(memory).buffer, bytes.byteOffset);
    view.setUint32(8, checksum(bytes.subarray(12)), true);
    assert.throws(() => [...directory.entries()], /SegmentFormatError: .*not UTF-8/);
  });

  it("reports how many bytes are left when it is full, and keeps its entries", () => {
    const memory = Memory.anonymous(1);
    const directory = directoryOf(memory);
    const count = Math.floor(memory.size / 256);
    for (let i = 0; i < count; i++) directory.obtain(`cell ${i}`, "flag", 4);
    assert.throws(() => directory.obtain("more", "flag", 4), /RangeError.*takes 256 bytes.*left/s);
    assert.throws(() => directory.obtain("more", "flag", 2 ** 40), RangeError);
    assert.equal([...directory.entries()].length, count);
    assert.equal(directory.obtain("cell 0", "flag", 4).name, "cell 0");
  });

  it("reports what is damaged", () => {
    const cases: [number, number, RegExp][] = [
      [HEADER.used, 2 ** 31, /uses 2147483648 of \d+ bytes/],
      [HEADER.used, 130, /uses 130 of \d+ bytes/],
      [HEADER.newest, 100, /leads to byte 99/],
      [HEADER.newest, 4097, /leads to byte 4096/],
      [HEADER.end + 0, 257, /circle|leads to/],
      [HEADER.end + 20, 77, /checksum of the record at byte 0/],
      [HEADER.end + 8, 2 ** 31, /checksum/],
    ];
    for (const [at, value, says] of cases) {
      const memory = Memory.anonymous(1);
      const directory = directoryOf(memory);
      for (const name of ["a", "b"]) directory.obtain(name, "mutex", 16);
      regionOf(memory).atomics.store32(regionOf(memory).base + at, value);
      assert.throws(
        () => [...directory.entries()],
        (error) => error instanceof SegmentFormatError && says.test(error.message),
        `${at} = ${value}`,
      );
    }
  });

  it("damaged at random, reports that or returns correct entries", { timeout: 60_000 }, () => {
    damageDirectories(4000, 1);
  });
});
