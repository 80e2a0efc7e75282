import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it } from "node:test";
import { AtomicCounter, Memory } from "../../src/memory/mod.ts";
import { inScratchFolder } from "../support/scratch_folder.ts";
import { race, withThreads } from "../support/thread.ts";
import type { CountingStart } from "./fixtures/counting_worker.ts";
import { assertPlaces, itInBoth } from "./fixtures/places.ts";

const COUNTING = new URL("./fixtures/counting_worker.ts", import.meta.url);
const DEADLINE = { timeout: 30_000 };
const MAX = Number.MAX_SAFE_INTEGER;
const WORKERS = 4;
const ROUNDS = 20_000;

describe("AtomicCounter", () => {
  it("is placed on 8 bytes inside of the memory", () => {
    assertPlaces((memory, offset) => new AtomicCounter(memory, offset), 8, 8);
  });

  itInBoth("counts for all who open the memory, and gives the value before", (memory, again) => {
    const counter = new AtomicCounter(memory, 128);
    const seen = new AtomicCounter(again(), 128);
    assert.equal(counter.fetchAdd(), 0);
    assert.equal(seen.fetchAdd(41), 1);
    assert.equal(counter.value, 42);
    counter.add();
    seen.add(-1);
    assert.equal(counter.fetchAdd(-50), 42);
    assert.equal(seen.value, -8);
    assert.equal(seen.fetchAdd(0), -8);
  });

  itInBoth("is exact around every power of two, up and down", (memory) => {
    const counter = new AtomicCounter(memory, 0);
    for (let power = 28; power <= 52; power++) {
      for (const start of [2 ** power - 3, -(2 ** power) - 3]) {
        counter.add(-counter.value);
        counter.add(start);
        for (let i = 0; i < 6; i++) assert.equal(counter.fetchAdd(), start + i);
        for (let i = 6; i > 0; i--) assert.equal(counter.fetchAdd(-1), start + i);
        for (let i = 0; i < 6; i++) {
          assert.equal(counter.value, start + i);
          counter.add();
        }
        for (let i = 6; i > 0; i--) {
          assert.equal(counter.value, start + i);
          counter.add(-1);
        }
        assert.equal(counter.fetchAdd(2 ** 30), start);
        assert.equal(counter.value, start + 2 ** 30);
      }
    }
  });

  itInBoth("beyond 2^53 throws and keeps its value", (memory) => {
    const counter = new AtomicCounter(memory, 0);
    for (const sign of [1, -1]) {
      counter.add(sign * MAX - counter.value);
      assert.equal(counter.value, sign * MAX);
      for (const n of [1, 2, 2 ** 31, MAX]) {
        assert.throws(() => counter.add(sign * n), RangeError);
        assert.throws(() => counter.fetchAdd(sign * n), RangeError);
        assert.equal(counter.value, sign * MAX);
      }
      assert.equal(counter.fetchAdd(sign * -1), sign * MAX);
      assert.equal(counter.fetchAdd(sign), sign * (MAX - 1));
      assert.throws(() => counter.add(sign), new RegExp(`RangeError.*${sign * MAX}`));
      counter.add(-counter.value);
    }
  });

  itInBoth("adds whole numbers only", (memory) => {
    const counter = new AtomicCounter(memory, 0);
    counter.add(7);
    for (const n of [0.5, NaN, Infinity, -Infinity, 2 ** 53, "1", null, 1n, {}] as number[]) {
      assert.throws(() => counter.add(n), TypeError, String(n));
      assert.throws(() => counter.fetchAdd(n), TypeError, String(n));
    }
    assert.equal(counter.value, 7);
  });

  for (const start of [0, 2 ** 32 - WORKERS * ROUNDS / 2, -(WORKERS * ROUNDS / 2)]) {
    it(`gives ${WORKERS} workers every number from ${start} on once`, DEADLINE, async () => {
      const memory = Memory.anonymous(1);
      await assertEachOnce(new AtomicCounter(memory, 0), memory.handle!, start);
      await assertSum(new AtomicCounter(memory, 0), memory.handle!);
    });

    it(
      `gives them so in a mapped file too, from ${start} on`,
      DEADLINE,
      () =>
        inScratchFolder(async (folder) => {
          const path = join(folder, "memory");
          const memory = Memory.map(path, 1);
          await assertEachOnce(new AtomicCounter(memory, 0), path, start);
          await assertSum(new AtomicCounter(memory, 0), path);
          memory.close();
        }),
    );
  }
});

/** Every value before is there once, and the sum is exact. */
async function assertEachOnce(
  counter: AtomicCounter,
  handle: CountingStart["handle"],
  start: number,
): Promise<void> {
  counter.add(start);
  const message: CountingStart = { what: "tickets", handle, rounds: ROUNDS };
  const given = await withThreads(
    WORKERS,
    COUNTING,
    (threads) => race<Float64Array>(threads, threads.map(() => message)),
  );
  assert.equal(counter.value, start + WORKERS * ROUNDS);
  const all = given.flatMap((values) => [...values]).sort((a, b) => a - b);
  const wrong = all.findIndex((value, i) => value !== start + i);
  assert.equal(wrong, -1, `the value before of add ${wrong} was ${all[wrong]}`);
}

/** What workers add by different steps, across the carries of a half word, is all there. */
async function assertSum(counter: AtomicCounter, handle: CountingStart["handle"]): Promise<void> {
  const before = counter.value;
  const steps = [1, -3, 2 ** 20, 2 ** 30];
  const starts = steps.map((step): CountingStart => ({
    what: "adds",
    handle,
    rounds: ROUNDS,
    step,
  }));
  await withThreads(steps.length, COUNTING, (threads) => race(threads, starts));
  assert.equal(counter.value, before + ROUNDS * steps.reduce((a, b) => a + b, 0));
}
