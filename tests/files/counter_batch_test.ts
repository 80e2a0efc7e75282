import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { CounterBatch } from "../../src/files/counter_batch.ts";
import { FileCounter } from "../../src/files/mod.ts";
import { libc } from "../../src/runtime/mod.ts";
import { inScratchFolder } from "../support/scratch_folder.ts";
import { until } from "../support/until.ts";

const DEADLINE = { timeout: 60_000 };
const text = (path: string) => readFileSync(path, "utf8");

/** Gives `body` a counter, and its path. */
function withCounter(body: (counter: FileCounter, path: string) => Promise<void>): Promise<void> {
  return inScratchFolder(async (folder) => {
    const path = join(folder, "count");
    using counter = new FileCounter(path);
    await body(counter, path);
  });
}

describe("CounterBatch", () => {
  it(
    "writes when it is flushed, and at the end of its block",
    DEADLINE,
    () =>
      withCounter(async (counter, path) => {
        {
          await using batch = counter.batch();
          for (const n of [1, 2, -5]) batch.add(n);
          batch.add();
          assert.deepEqual([text(path), batch.pending], ["0\n", -1]);
          assert.equal(await batch.flush(), -1);
          assert.equal(batch.pending, 0);
          counter.addSync(10);
          assert.equal(await batch.flush(), 9, "the value if nothing is pending");
          batch.add(4);
        }
        assert.equal(counter.getSync(), 13);
      }),
  );

  it("writes by itself each time that it is full", DEADLINE, () =>
    withCounter(async (counter) => {
      await using batch = counter.batch(3);
      for (let i = 0; i < 7; i++) batch.add();
      assert.equal(batch.pending, 7);
      // Three were full at the first write; the other four are written together after it.
      await until("the writes", () => batch.pending === 0);
      assert.equal(counter.getSync(), 7);
      batch.add();
      await sleep(5);
      assert.deepEqual([counter.getSync(), batch.pending], [7, 1]);
      assert.equal(await batch.flush(), 8);
    }));

  it(
    "waits for the write in progress before it is flushed",
    DEADLINE,
    () =>
      withCounter(async (counter) => {
        const batch = counter.batch(2);
        for (let i = 0; i < 5; i++) batch.add();
        const flushes = [batch.flush(), batch.flush()];
        assert.deepEqual(await Promise.all(flushes), [5, 5]);
        assert.equal(counter.getSync(), 5);
      }),
  );

  for (const way of ["add", "flush", "disposal"] as const) {
    it(
      `throws the error of a write that failed by itself at the next ${way}`,
      DEADLINE,
      () =>
        withCounter(async (counter, path) => {
          const batch = counter.batch(2);
          writeFileSync(path, "damaged");
          batch.add();
          batch.add(2);
          await sleep(10); // An unhandled rejection would end the process here.
          assert.equal(batch.pending, 3);
          if (way === "add") assert.throws(() => batch.add(100), SyntaxError);
          else if (way === "flush") await assert.rejects(batch.flush(), SyntaxError);
          else {
            await assert.rejects(async () => {
              await using _batch = batch;
            }, SyntaxError);
          }
          assert.equal(batch.pending, 3, "the adds were lost");
          await assert.rejects(batch.flush(), SyntaxError);
          writeFileSync(path, "7\n");
          assert.equal(await batch.flush(), 10);
          assert.deepEqual([text(path), batch.pending], ["10\n", 0]);
        }),
    );
  }

  it("is not written twice if only the sync has failed, and is synced by the next flush", () =>
    inScratchFolder((folder) => {
      const path = join(folder, "count");
      using counter = new FileCounter(path, { durable: true });
      const { fdatasync } = libc;
      const define = (value: unknown) =>
        Object.defineProperty(libc, "fdatasync", { value, configurable: true });
      const failed = { mayHaveHappened: true };
      let syncs = 0;
      using batch = counter.batchSync(10);
      batch.add(5);
      define(() => -1);
      try {
        assert.throws(() => batch.flush(), failed);
        assert.deepEqual([batch.pending, text(path)], [0, "5\n"]);
        assert.throws(() => counter.addSync(), failed);
        batch.add(7);
        define((fd: number) => {
          syncs++;
          return fdatasync(fd);
        });
        assert.equal(batch.flush(), 13);
        assert.equal(syncs, 1);
        define(() => -1);
        batch.add(1);
        assert.throws(() => batch.flush(), failed);
        define((fd: number) => {
          syncs++;
          return fdatasync(fd);
        });
        assert.equal(batch.flush(), 14);
        assert.equal(syncs, 2);
      } finally {
        define(fdatasync);
      }
    }));

  it("of tasks is not written twice if only the sync has failed", () =>
    inScratchFolder(async (folder) => {
      using counter = new FileCounter(join(folder, "count"));
      // In place of a durable counter, whose syncs a helper thread makes.
      let fails = true;
      const durable = {
        get: () => counter.get(),
        add: async (n?: number) => {
          const value = await counter.add(n);
          if (fails) throw Object.assign(new Error("no sync"), { mayHaveHappened: true });
          return value;
        },
      };
      const batch = new CounterBatch(durable, 10);
      batch.add(5);
      await assert.rejects(batch.flush(), /no sync/);
      assert.equal(batch.pending, 0);
      batch.add(2);
      fails = false;
      assert.equal(await batch.flush(), 7);
    }));

  it(
    "keeps the exact range, with what is being written",
    DEADLINE,
    () =>
      withCounter(async (counter) => {
        const batch = counter.batch(1);
        batch.add(Number.MAX_SAFE_INTEGER);
        assert.throws(() => batch.add(), RangeError);
        assert.throws(() => batch.add(2 ** 53), RangeError);
        batch.add(-1);
        assert.equal(await batch.flush(), Number.MAX_SAFE_INTEGER - 1);
      }),
  );
});
