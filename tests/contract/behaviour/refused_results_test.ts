import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it } from "node:test";
import { defineRecord, FileLock, JsonFile, locked, Segment, withLock } from "../../../mod.ts";
import { ourError } from "../../support/our_error.ts";
import { inScratchFolder } from "../../support/scratch_folder.ts";

const ran = () => assert.fail("it ran outside of the lock");
/** Functions whose bodies would run after the release. */
const GENERATORS = [
  function* () {
    ran();
    yield 1;
  },
  async function* () {
    ran();
    await Promise.resolve();
    yield 1;
  },
] as unknown as (() => never)[];

const rejection = () => Promise.reject(new Error("it must not be reported as unhandled"));
const PROMISES = [rejection, () => ({ then() {} })] as unknown as (() => never)[];

describe("A generator function is refused", () => {
  const mutex = Segment.anonymous().mutex("jobs");

  it("by runSync of a mutex", () => {
    for (const body of GENERATORS) {
      assert.throws(() => mutex.runSync(body), ourError(TypeError));
      assert.throws(() => mutex.runSync(body), /generator/);
      assert.equal(mutex.held, false);
    }
    assert.deepEqual(mutex.runSync(() => [..."ab"].values()).next().value, "a");
  });

  it("by runSync of a file lock", () =>
    inScratchFolder((folder) => {
      using lock = new FileLock(join(folder, "lock"));
      for (const body of GENERATORS) {
        assert.throws(() => lock.runSync(body), ourError(TypeError));
        assert.equal(lock.mode, undefined);
      }
    }));

  it("by withLock and locked", async () => {
    const async = GENERATORS.map((body) => () => Promise.resolve(body()));
    for (const body of [...GENERATORS, ...async]) {
      await assert.rejects(withLock(mutex, body), ourError(TypeError));
      await assert.rejects(locked(mutex)(body)(), ourError(TypeError));
      assert.equal(mutex.held, false);
    }
  });
});

describe("A change that is no plain function is refused, and the lock is free then,", () => {
  const segment = Segment.anonymous();
  const Point = defineRecord({ x: "Int32", y: "Int32" });
  const value = segment.value("value");
  const array = segment.array("array", 4);
  const record = segment.record("record", Point);
  const often = segment.seqlockRecord("often", Point);
  const updates: Readonly<Record<string, (change: () => never) => unknown>> = {
    "a value": (change) => value.update(change),
    "an array": (change) => array.update(2, change),
    "a record": (change) => record.update(change),
    "a record that is read often": (change) => often.update(change),
  };
  for (const [what, update] of Object.entries(updates)) {
    it(`by the update of ${what}`, async () => {
      for (const change of PROMISES) {
        assert.throws(() => update(change), ourError(TypeError));
        assert.throws(() => update(change), /returned a promise.*withLock/);
      }
      for (const change of GENERATORS) assert.throws(() => update(change), /generator/);
      await new Promise((resolve) => setTimeout(resolve, 5)); // For an unhandled rejection.
      const mutexes = [value, array, record, often].map(({ mutex }) => mutex.held);
      assert.deepEqual(mutexes, [false, false, false, false]);
      assert.deepEqual([value.value, array.toArray()], [0, [0, 0, 0, 0]]);
      assert.deepEqual([record.read(), often.read()], [{ x: 0, y: 0 }, { x: 0, y: 0 }]);
    });
  }

  it("by the update of a document", () =>
    inScratchFolder(async (folder) => {
      using file = new JsonFile<unknown>(join(folder, "document.json"), { initial: 1 });
      for (const change of GENERATORS) {
        assert.throws(() => file.updateSync(change), ourError(TypeError));
        await assert.rejects(file.update(change), ourError(TypeError));
      }
      assert.equal(await file.update(() => 2), 2);
    }));
});

describe("withLock", () => {
  it("refuses a lock whose guard cannot be released, and does not run the body", async () => {
    for (const guard of [undefined, null, 5, {}, { [Symbol.asyncDispose]: 5 }]) {
      const lock = { acquire: () => Promise.resolve(guard as unknown as AsyncDisposable) };
      await assert.rejects(withLock(lock, () => ran()), ourError(TypeError));
      await assert.rejects(locked(lock)(() => ran())(), ourError(TypeError));
    }
  });

  it("releases a guard that has only Symbol.dispose, as await using does", async () => {
    let releases = 0;
    const guard = { [Symbol.dispose]: () => void releases++ };
    const lock = { acquire: () => Promise.resolve(guard as unknown as AsyncDisposable) };
    assert.equal(await withLock(lock, () => 1), 1);
    await assert.rejects(withLock(lock, () => Promise.reject(new Error("mine"))), /mine/);
    assert.equal(releases, 2);
  });
});
