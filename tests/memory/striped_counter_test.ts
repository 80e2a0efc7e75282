import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it } from "node:test";
import { attachmentOf } from "../../src/memory/memory.ts";
import { AtomicCounter, Memory, StripedCounter } from "../../src/memory/mod.ts";
import { inScratchFolder } from "../support/scratch_folder.ts";
import { race, withThreads } from "../support/thread.ts";
import type { CountingStart } from "./fixtures/counting_worker.ts";
import { assertOffsets, itInBoth } from "./fixtures/both_memories.ts";

const COUNTING = new URL("./fixtures/counting_worker.ts", import.meta.url);
const DEADLINE = { timeout: 60_000 };
const MAX = Number.MAX_SAFE_INTEGER;

describe("StripedCounter", () => {
  it("takes offsets at which all of its stripes are inside of the memory", () => {
    const length = StripedCounter.bytes(4) - AtomicCounter.BYTES + 8;
    assertOffsets((memory, offset) => new StripedCounter(memory, offset, 4), length, 8);
    assert.equal(StripedCounter.bytes(4), 4 * AtomicCounter.BYTES);
  });

  it("refuses wrong numbers of stripes, and wrong stripes", () => {
    const memory = Memory.anonymous(1);
    for (const stripes of [0, -1, 1.5, NaN, Infinity]) {
      assert.throws(() => new StripedCounter(memory, 0, stripes), RangeError, String(stripes));
    }
    for (const stripe of [-1, 4, 0.5, NaN]) {
      assert.throws(() => new StripedCounter(memory, 0, 4, stripe), RangeError, String(stripe));
    }
  });

  itInBoth("adds to the cell of its stripe, and reads the sum of all cells", (memory, again) => {
    const first = new StripedCounter(memory, 0, 3, 0);
    const last = new StripedCounter(again(), 0, 3, 2);
    first.add(5);
    first.add();
    last.add(-11);
    last.add(2);
    last.add(-1);
    assert.equal(first.value, -4);
    assert.equal(last.value, -4);
    const cells = [0, 1, 2].map((i) => new AtomicCounter(memory, i * AtomicCounter.BYTES).value);
    assert.deepEqual(cells, [6, 0, -10]);
  });

  itInBoth(
    "has a stripe for each thread, by whatever object it opens the memory",
    (memory, again) => {
      const memories = [memory, again(), again()];
      for (const memory of memories) new StripedCounter(memory, 0, 3).add(7);
      const cells = [0, 1, 2].map((i) => new AtomicCounter(memory, i * AtomicCounter.BYTES).value);
      const mine = attachmentOf(memory).identity % 3; // Each thread has another identity.
      assert.deepEqual(cells, [0, 1, 2].map((i) => i === mine ? 21 : 0));
    },
  );

  itInBoth("refuses the numbers that its cells refuse", (memory) => {
    const counter = new StripedCounter(memory, 0, 2, 1);
    counter.add(MAX);
    assert.throws(() => counter.add(), RangeError);
    assert.throws(() => counter.add(0.5), TypeError);
    assert.equal(counter.value, MAX);
  });

  itInBoth("has the exact sum, even if a partial sum is beyond 2^53", (memory) => {
    const cells = [0, 1, 2, 3].map((stripe) => new StripedCounter(memory, 0, 4, stripe));
    [MAX, 2, -MAX, 1].forEach((n, i) => cells[i].add(n));
    assert.equal(cells[0].value, 3);
  });

  itInBoth("throws if the sum is beyond 2^53", (memory) => {
    for (const stripe of [0, 1]) new StripedCounter(memory, 0, 2, stripe).add(MAX - stripe);
    assert.throws(() => new StripedCounter(memory, 0, 2).value, RangeError);
  });

  it("is exact for more workers than stripes", DEADLINE, async () => {
    const memory = Memory.anonymous(1);
    await assertExact(new StripedCounter(memory, 0, 3), memory.handle!);
  });

  it(
    "is exact for more workers than stripes in a mapped file",
    DEADLINE,
    () =>
      inScratchFolder(async (folder) => {
        const path = join(folder, "memory");
        const memory = Memory.map(path, 1);
        await assertExact(new StripedCounter(memory, 0, 3), path);
        memory.close();
      }),
  );
});

async function assertExact(
  counter: StripedCounter,
  handle: CountingStart["handle"],
): Promise<void> {
  const steps = [1, -1, 3, 2 ** 20];
  const starts = steps.map((step): CountingStart => ({
    what: "striped",
    handle,
    rounds: 10_000,
    step,
  }));
  await withThreads(steps.length, COUNTING, (threads) => race(threads, starts));
  assert.equal(counter.value, 10_000 * (3 + 2 ** 20));
}
