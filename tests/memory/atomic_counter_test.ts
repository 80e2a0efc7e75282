import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it } from "node:test";
import { AtomicCounter, Memory } from "../../src/memory/mod.ts";
import { inScratchFolder } from "../support/scratch_folder.ts";
import { race, withThreads } from "../support/thread.ts";
import type { CountingStart } from "./fixtures/counting_worker.ts";
import { assertOffsets, itInBoth } from "./fixtures/both_memories.ts";

const COUNTING = new URL("./fixtures/counting_worker.ts", import.meta.url);
const DEADLINE = { timeout: 60_000 };
const MAX = Number.MAX_SAFE_INTEGER;
const WORKERS = 4;
const ROUNDS = 20_000;

describe("AtomicCounter", () => {
  it("takes offsets inside of the memory that are multiples of 8", () => {
    assertOffsets((memory, offset) => new AtomicCounter(memory, offset), 8, 8);
  });

  itInBoth(
    "counts for all objects on the memory, and returns the value before",
    (memory, again) => {
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
    },
  );

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

  itInBoth("adds to a value that has changed since its last add", (memory, again) => {
    const counter = new AtomicCounter(memory, 0);
    const seen = new AtomicCounter(again(), 0);
    const other = new AtomicCounter(memory, 128);
    for (const value of [0, 7, 2 ** 32 - 1, -1, 2 ** 52, -(2 ** 52) - 1, MAX - 1, 1 - MAX]) {
      for (const n of [1, -1]) {
        counter.set(3);
        other.add();
        counter.add(n);
        seen.set(value);
        counter.add(n);
        assert.equal(seen.value, value + n);
        seen.set(n * MAX);
        assert.throws(() => counter.add(n), RangeError);
        assert.throws(() => counter.fetchAdd(n), RangeError);
        assert.equal(seen.value, n * MAX);
      }
    }
    assert.equal(other.value, 16);
  });

  itInBoth("takes only whole numbers within 2^53", (memory) => {
    const counter = new AtomicCounter(memory, 0);
    counter.add(7);
    const uses: ((n: number) => void)[] = [
      (n) => counter.add(n),
      (n) => counter.fetchAdd(n),
      (n) => counter.set(n),
      (n) => counter.exchange(n),
      (n) => counter.compareExchange(7, n),
      (n) => counter.compareExchange(n, 7),
      (n) => counter.fetchMin(n),
      (n) => counter.fetchMax(n),
    ];
    for (const use of uses) {
      for (const n of [0.5, NaN, Infinity, -Infinity, "1", "-1", null, 1n, {}, true] as number[]) {
        assert.throws(() => use(n), TypeError, `${use}: ${String(n)}`);
      }
      for (const n of [2 ** 53, -(2 ** 53), 2 ** 60, 1e300]) {
        assert.throws(() => use(n), RangeError, `${use}: ${n}`);
      }
    }
    for (const use of uses.slice(2)) assert.throws(() => use(undefined!), TypeError, `${use}`);
    assert.equal(counter.value, 7);
  });

  itInBoth(
    "adds negative numbers, also at the limits of 32 bits and of 2^53",
    (memory, again) => {
      const counter = new AtomicCounter(memory, 8);
      const seen = new AtomicCounter(again(), 8);
      counter.add(-1);
      assert.equal(seen.value, -1);
      for (const n of [0, -0, 1, -1, 2 ** 31 - 1, 2 ** 31, -(2 ** 31), -(2 ** 31) - 1, MAX, -MAX]) {
        counter.set(0);
        counter.add(-n);
        assert.equal(seen.value, 0 - n);
        assert.equal(seen.fetchAdd(n), 0 - n);
      }
      counter.set(-MAX);
      assert.throws(() => counter.add(-1), RangeError);
      assert.equal(counter.value, -MAX);
    },
  );

  itInBoth("is set, exchanged and compared in one step, and returns the value before", (
    memory,
    again,
  ) => {
    const counter = new AtomicCounter(memory, 0);
    const seen = new AtomicCounter(again(), 0);
    const values = [5, -5, 2 ** 32, -(2 ** 32) - 1, MAX, -MAX, 0];
    let before = 0;
    for (const value of values) {
      assert.equal(counter.exchange(value), before);
      assert.equal(seen.value, value);
      assert.equal(seen.compareExchange(value === 5 ? 6 : 5, 1), value);
      assert.equal(seen.value, value);
      before = value;
    }
    for (const value of values) {
      assert.equal(counter.compareExchange(before, value), before);
      assert.equal(seen.value, value);
      before = value;
    }
    counter.set(9);
    assert.equal(seen.value, 9);
  });

  itInBoth(
    "fetchMin and fetchMax store the lesser or greater, and return the value before",
    (memory) => {
      const counter = new AtomicCounter(memory, 0);
      const edges = [0, 1, -1, 2 ** 31, -(2 ** 32), 2 ** 32 + 1, MAX, -MAX];
      for (const value of edges) {
        for (const n of edges) {
          counter.set(value);
          assert.equal(counter.fetchMin(n), value);
          assert.equal(counter.value, Math.min(value, n));
          counter.set(value);
          assert.equal(counter.fetchMax(n), value);
          assert.equal(counter.value, Math.max(value, n));
        }
      }
    },
  );

  itInBoth(
    "gives each value to one of the workers that exchange",
    async (memory, _again, handle) => {
      const given = await raceOf<number>("exchange", handle);
      // Worker i stores i * ROUNDS and the numbers after it, and sums the values that it gets.
      const put = WORKERS * ROUNDS * (WORKERS * ROUNDS + 1) / 2;
      const left = new AtomicCounter(memory, 0).value;
      assert.equal(given.reduce((a, b) => a + b, left), put);
    },
  );

  itInBoth(
    "lets one of the workers that compare at once succeed",
    async (memory, _again, handle) => {
      await raceOf("compare", handle);
      assert.equal(new AtomicCounter(memory, 0).value, WORKERS * ROUNDS);
    },
  );

  itInBoth(
    "keeps the least and the greatest number of all workers",
    async (memory, _again, handle) => {
      await raceOf("extremes", handle);
      assert.equal(new AtomicCounter(memory, 0).value, WORKERS * ROUNDS);
      assert.equal(new AtomicCounter(memory, AtomicCounter.BYTES).value, -WORKERS * ROUNDS);
    },
  );

  for (const start of [0, 2 ** 32 - WORKERS * ROUNDS / 2, -(WORKERS * ROUNDS / 2)]) {
    it(`gives each number from ${start} on to one of ${WORKERS} workers`, DEADLINE, async () => {
      const memory = Memory.anonymous(1);
      await assertEachOnce(new AtomicCounter(memory, 0), memory.handle!, start);
      await assertSum(new AtomicCounter(memory, 0), memory.handle!);
    });

    it(
      `gives each number from ${start} on to one worker, in a mapped file too`,
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

/** Races workers; the step of each is its number, from 0. */
function raceOf<T>(what: CountingStart["what"], handle: CountingStart["handle"]): Promise<T[]> {
  const starts = Array.from({ length: WORKERS }, (_, step): CountingStart => ({
    what,
    handle,
    rounds: ROUNDS,
    step,
  }));
  return withThreads(WORKERS, COUNTING, (threads) => race<T>(threads, starts));
}

/** Checks that each value before was returned once, and that the sum is exact. */
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

/** Checks the sum of workers that add different steps, across carries to the high half. */
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
