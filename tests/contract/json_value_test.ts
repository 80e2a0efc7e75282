import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { runInNewContext } from "node:vm";
import { z } from "zod";
import { JsonFile } from "../../mod.ts";
import { inScratchFolder } from "../support/scratch_folder.ts";

/** Gives `body` a document that is `{"done":1}`, and its path. */
function withDocument(
  body: (file: JsonFile<unknown>, path: string) => void | Promise<void>,
): Promise<void> {
  return inScratchFolder(async (folder) => {
    const path = join(folder, "jobs.json");
    writeFileSync(path, '{"done":1}');
    using file = new JsonFile<unknown>(path, { durable: false });
    await body(file, path);
  });
}

class Point {
  x = 1;
}

const circle: { jobs: unknown[] } = { jobs: [] };
circle.jobs.push({ of: circle });

/** Values that JSON would change, and words of the error. */
const CHANGED: readonly [unknown, RegExp][] = [
  [undefined, /carry undefined\. /],
  [{ jobs: [1, { when: undefined }] }, /carry undefined, at \.jobs\[1\]\.when\. /],
  [{ a: NaN }, /carry NaN, at \.a\. /],
  [[Infinity], /carry Infinity, at \[0\]\. /],
  [[-Infinity], /carry -Infinity/],
  [{ "a b": { c: 1n } }, /carry a bigint, at \["a b"\]\.c\. /],
  [{ a: () => 1 }, /carry a function, at \.a\. /],
  [{ a: Symbol("b") }, /carry a symbol, at \.a\. /],
  [{ [Symbol("b")]: 1 }, /carry an object with a symbol\. /],
  [{ a: new Map([[1, 2]]) }, /carry an object of the class Map, at \.a\. /],
  [{ a: new Set() }, /class Set/],
  [{ jobs: [{ when: new Date(0) }] }, /class Date, at \.jobs\[0\]\.when\. /],
  [{ a: new Point() }, /class Point/],
  [{ a: new Uint8Array(2) }, /class Uint8Array/],
  [{ a: /b/ }, /class RegExp/],
  [{ a: Object(1) }, /class Number/],
  [{ a: new Error("b") }, /class Error/],
  [{ toJSON: () => 1 }, /carry a function, at \.toJSON/],
  [Object.create({ a: 1 }), /class Object/],
  [[1, , 3], /carry an array with holes/],
  [Object.assign([1], { a: 1 }), /or with other fields/],
  [circle, /carry an object that contains itself, at \.jobs\[0\]\.of\. /],
  [nested(1001), /carry more than 1000 levels\. /],
  [nested(100_000), /carry more than 1000 levels\. /],
];

/** So many nested arrays. */
function nested(levels: number): unknown {
  let value: unknown = 1;
  for (let i = 0; i < levels; i++) value = [value];
  return value;
}
/** Values that JSON keeps unchanged. */
const CARRIED: readonly unknown[] = [
  null,
  true,
  0.1,
  Number.MAX_VALUE,
  "\u{1F512} \ud800 \uFEFF \0",
  [],
  [[1], {}, null],
  { a: { b: [{ "c d": "" }] }, constructor: 1 },
  nested(1000),
  JSON.parse('{"__proto__": {"a": 1}}'),
];

describe("A JSON document", () => {
  it("with a value that JSON would change is refused, with the path to it", () =>
    withDocument(async (file, path) => {
      for (const [value, says] of CHANGED) {
        const isClear = (error: unknown) => {
          assert.ok(error instanceof TypeError, String(error));
          assert.match(error.message, says);
          assert.ok(error.message.includes(path), error.message);
          return true;
        };
        assert.throws(() => file.updateSync(() => value), isClear);
        await assert.rejects(file.update(() => value), isClear);
        assert.equal(readFileSync(path, "utf8"), '{"done":1}');
        if (value === undefined) continue;
        assert.throws(() => new JsonFile(path, { initial: value }), TypeError);
      }
      assert.deepEqual(file.updateSync((document) => document), { done: 1 }, "the lock was kept");
    }));

  it("that JSON keeps is written, and returned as a read returns it", () =>
    withDocument(async (file) => {
      const twice = { a: 1 };
      const foreign: unknown = runInNewContext("({ a: [1, { b: 2 }] })");
      const bare: unknown = Object.assign(Object.create(null), { a: 1 });
      for (const value of [...CARRIED, [twice, twice], foreign, bare]) {
        const written = file.updateSync(() => value);
        assert.deepEqual(written, file.readSync());
        assert.equal(JSON.stringify(written), JSON.stringify(value));
        assert.deepEqual(await file.update(() => value), written);
      }
      assert.deepEqual(file.updateSync(() => -0), 0);
    }));

  it("is not replaced by a promise", () =>
    withDocument((file, path) => {
      const promises = [
        // deno-lint-ignore require-await -- The promise is the mistake that is tested.
        async () => ({ done: 2 }),
        () => Promise.reject(new Error("of the change")),
        () => ({ then: () => {} }),
      ];
      for (const change of promises) {
        assert.throws(() => file.updateSync(change), /TypeError: .*a promise\. Use update/);
        assert.equal(readFileSync(path, "utf8"), '{"done":1}');
      }
      assert.deepEqual(file.updateSync(() => ({ then: 1 })), { then: 1 });
    }));

  it("is written and returned as the schema returns it", () =>
    inScratchFolder(async (folder) => {
      const path = join(folder, "jobs.json");
      const schema = z.object({ name: z.string().trim(), done: z.int().default(0) });
      using file = new JsonFile<{ name: string; done?: number; extra?: number }>(path, {
        schema,
        initial: { name: "a" },
      });
      const expected = { name: "b", done: 0 };
      assert.deepEqual(file.updateSync(() => ({ name: " b ", extra: 1 })), expected);
      assert.deepEqual(await file.update(() => ({ name: "b " })), expected);
      assert.deepEqual(JSON.parse(readFileSync(path, "utf8")), expected);
      // The result of a schema must be a document, too.
      using dated = new JsonFile(path, { schema: { parse: () => new Date(0) } });
      assert.throws(() => dated.updateSync((document) => document), /TypeError: .*class Date/);
      // A document that the schema would refuse at the next read is not written.
      let calls = 0;
      const once = {
        parse(input: unknown) {
          if (++calls === 3) throw new Error("not what was written");
          return input;
        },
      };
      using strict = new JsonFile<unknown>(path, { schema: once });
      assert.throws(() => strict.updateSync(() => ({ name: "c" })), /not what was written/);
      assert.deepEqual(JSON.parse(readFileSync(path, "utf8")), expected);
    }));

  it("may begin with a byte order mark", () =>
    withDocument((file, path) => {
      writeFileSync(path, '\uFEFF{"a":"\uFEFF"}');
      assert.deepEqual(file.readSync(), { a: "\uFEFF" });
      file.updateSync((document) => document);
      assert.equal(readFileSync(path, "utf8"), '{\n  "a": "\uFEFF"\n}\n');
    }));
});
