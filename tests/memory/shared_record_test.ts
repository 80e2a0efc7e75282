import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  defineRecord,
  field,
  Memory,
  RawRecord,
  Segment,
  SeqlockRecord,
  SharedRecord,
} from "../../src/memory/mod.ts";
import { layoutOf } from "../../src/memory/record.ts";
import { Child } from "../support/child.ts";
import { inScratchFolder } from "../support/scratch_folder.ts";
import { race, withThreads } from "../support/thread.ts";
import { assertOffsets, itInBoth } from "./fixtures/both_memories.ts";
import { isWhole, Whole, wholeOf } from "./fixtures/record_description.ts";
import type { RecordStart } from "./fixtures/record_worker.ts";

const WORKER = new URL("./fixtures/record_worker.ts", import.meta.url);
const PROCESS = new URL("./fixtures/record_process.ts", import.meta.url);
const DEADLINE = { timeout: 60_000 };
const Point = defineRecord({ x: "Float64", y: "Float64", name: field.text(16) });
const ROUNDS = 5_000;

for (const kind of [SharedRecord, SeqlockRecord]) {
  describe(kind.name, () => {
    it("takes offsets at which it is inside of the memory, with its lock", () => {
      const length = 128 + 8 + 2 * layoutOf(Point).size;
      assertOffsets((memory, offset) => new kind(memory, offset, Point), length, 8);
      assert.equal(kind.bytes(Point), 128 + RawRecord.bytes(Point));
    });

    itInBoth("is read, written in part, and updated, for all objects on it", (memory, again) => {
      const point = new kind(memory, 128, Point);
      const seen = new kind(again(), 128, Point);
      assert.deepEqual(point.read(), { x: 0, y: 0, name: "" });
      point.write({ x: 1, name: "here" });
      assert.deepEqual(seen.read(), { x: 1, y: 0, name: "here" });
      const next = seen.update(({ x, y }) => ({ x: x + 1, y: y - 1 }));
      assert.deepEqual(next, { x: 2, y: -1, name: "here" });
      assert.deepEqual(point.read(), next);
      assert.equal(point.mutex.owner(), undefined);
    });

    itInBoth("is not changed by a write or an update that fails", (memory, again) => {
      const point = new kind(memory, 0, Point);
      const seen = new kind(again(), 0, Point);
      point.write({ x: 1, name: "here" });
      const before = seen.read();
      assert.throws(() => point.write({ x: 2, name: "x".repeat(17) }), RangeError);
      assert.throws(() => point.write({ x: 2, z: 1 } as { x: number }), TypeError);
      assert.throws(() => point.update(() => assert.fail("no")), /no/);
      const later = (() => Promise.resolve({ x: 2 })) as unknown as () => { x: number };
      assert.throws(
        () => point.update(later),
        /TypeError: Cannot update a record: the function returned a promise/,
      );
      assert.throws(
        () => point.write(new Map([["x", 2]]) as { x?: number }),
        /TypeError: Cannot write a Map/,
      );
      assert.deepEqual(point.update(() => ({})), before);
      assert.deepEqual(seen.read(), before);
      assert.equal(point.mutex.owner(), undefined);
    });

    itInBoth("is written by one at a time, and not while its lock is held", (memory, again) => {
      const point = new kind(memory, 0, Point);
      const seen = new kind(again(), 0, Point);
      point.update(({ x }) => {
        assert.equal(seen.mutex.tryAcquire(), undefined);
        assert.throws(() => seen.write({ x: 7 }), { name: "DeadlockError" });
        assert.equal(point.raw.read().x, x);
        return { x: 8 };
      });
      using _guard = point.mutex.acquireSync();
      point.raw.write({ y: point.raw.read().x });
      assert.deepEqual(point.raw.tryRead(), { x: 8, y: 8, name: "" });
    });

    itInBoth("is never half-written for workers that read it", async (
      memory,
      _again,
      handle,
    ) => {
      const start = { handle, kind: kind.name as RecordStart["kind"], rounds: ROUNDS };
      const starts = (["write", "read", "write", "read"] as const).map((what) => ({
        ...start,
        what,
      }));
      const torn = await withThreads(4, WORKER, (threads) => race<number>(threads, starts));
      assert.deepEqual(torn, [0, 0, 0, 0]);
      assert.deepEqual(new kind(memory, 0, Whole).read(), wholeOf(2 * ROUNDS));
    });
  });
}

describe("SharedRecord", () => {
  itInBoth("is read under its lock", (memory, again) => {
    const point = new SharedRecord(memory, 0, Point);
    using _guard = new SharedRecord(again(), 0, Point).mutex.acquireSync();
    assert.throws(() => point.read(), { name: "DeadlockError" });
  });
});

describe("SeqlockRecord", () => {
  itInBoth("is read even while a writer holds the lock", (memory, again) => {
    const point = new SeqlockRecord(memory, 0, Point);
    const writer = new SeqlockRecord(again(), 0, Point);
    point.write({ x: 1 });
    writer.update(({ x }) => {
      assert.equal(point.read().x, x);
      writer.read();
      return { x: x + 1 };
    });
    assert.equal(point.read().x, 2);
  });

  itInBoth("takes the lock of the writers after too many tries to read", (memory, again) => {
    const point = new SeqlockRecord(memory, 0, Point);
    point.write({ x: 1 });
    let tries = 0;
    point.raw.tryRead = () => void tries++ as undefined;
    assert.deepEqual(point.read(), { x: 1, y: 0, name: "" });
    assert.equal(tries, 64);
    using _guard = new SeqlockRecord(again(), 0, Point).mutex.acquireSync();
    assert.throws(() => point.read(), { name: "DeadlockError" });
  });
});

describe("The record of a segment", () => {
  it("is the same for the same fields, and refused for others", () => {
    const segment = Segment.anonymous();
    using again = Segment.from(segment.handle);
    segment.record("a", Point).write({ x: 1 });
    assert.equal(again.record("a", defineRecord({ ...Point.fields })).read().x, 1);
    segment.seqlockRecord("b", Point).write({ x: 2 });
    assert.equal(again.seqlockRecord("b", Point).read().x, 2);
    assert.equal(segment.record("a", Point), segment.record("a", Point));
    assert.throws(() => again.record("a", Whole), /TypeError.*"a".*of 5 fields.*of 3 fields/);
    assert.throws(() => again.record("b", Point), /record of 3.*seqlock record of 3/);
    assert.throws(() => again.seqlockRecord("a", Point), TypeError);
    const { free } = segment;
    const bare = { x: "Int8" } as unknown as typeof Point;
    assert.throws(() => segment.record("c", bare), TypeError);
    assert.throws(() => segment.seqlockRecord("c", bare), TypeError);
    assert.equal(segment.free, free);
  });
});

// After the tests with workers: in Deno, a worker that was started after these children has lost
// its first message.
for (const kind of [SharedRecord, SeqlockRecord]) {
  describe(`${kind.name} whose writer dies`, () => {
    for (const how of ["inside", "half"]) {
      it(
        `is as it was before (${how})`,
        DEADLINE,
        () =>
          inScratchFolder(async (folder) => {
            const path = `${folder}/memory`;
            using memory = Memory.map(path, 4096);
            const shared = new kind(memory, 0, Whole);
            shared.write(wholeOf(6));
            const child = Child.here(PROCESS, path, how);
            assert.equal((await child.ended).signal, "SIGKILL");
            assert.deepEqual(shared.read(), wholeOf(6));
            assert.deepEqual(shared.update(({ low }) => wholeOf(low + 1)), wholeOf(7));
            assert.deepEqual(shared.read(), wholeOf(7));
          }),
      );
    }

    it(
      "is whole, at whatever moment a writer is killed",
      DEADLINE,
      () =>
        inScratchFolder(async (folder) => {
          const path = `${folder}/memory`;
          using memory = Memory.map(path, 4096);
          const shared = new kind(memory, 0, Whole);
          for (let round = 0; round < 4; round++) {
            const before = shared.read().low;
            const child = Child.here(PROCESS, path, "loop");
            assert.equal(await child.line(), "ready");
            for (let reads = 0; reads < 500 || shared.read().low === before; reads++) {
              assert.ok(isWhole(shared.read()));
            }
            child.kill();
            await child.ended;
            const { low } = shared.read();
            assert.deepEqual(shared.read(), wholeOf(low));
            assert.deepEqual(shared.update(() => wholeOf(low + 1)), wholeOf(low + 1));
          }
        }),
    );
  });
}
