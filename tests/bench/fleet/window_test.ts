import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  type Count,
  countInWindow,
  loopOf,
  partInside,
  warmUp,
  type Window,
} from "../../../bench/fleet/window.ts";
import { monotonicNanoseconds } from "../../../src/runtime/mod.ts";

const WINDOW = { from: 100, to: 200 };

describe("a window of the bench", () => {
  it("counts the part of a chunk that is inside", () => {
    assert.equal(partInside(120, 180, WINDOW), 1);
    assert.equal(partInside(50, 150, WINDOW), 0.5);
    assert.equal(partInside(175, 275, WINDOW), 0.25);
    assert.equal(partInside(0, 400, WINDOW), 0.25);
    assert.equal(partInside(0, 100, WINDOW), 0);
    assert.equal(partInside(200, 300, WINDOW), 0);
  });

  it("is surrounded by operations, which are done but not counted", async () => {
    /** Counts in a window that begins soon; again if the system let this thread run too late. */
    async function count(): Promise<Count & { told: number; window: Window }> {
      let [told, began] = [0, Infinity];
      const run = (times: number) => {
        began = Math.min(began, monotonicNanoseconds());
        for (let i = 0; i < times; i++) told += performance.now() > 0 ? 1 : 0;
      };
      const now = monotonicNanoseconds();
      const window = { from: now + 2e6, to: now + 6e6 };
      const counted = await countInWindow(run, window);
      return began < window.from ? { told, window, ...counted } : await count();
    }
    const { told, window, inside, done } = await count();
    assert.ok(monotonicNanoseconds() >= window.to);
    assert.equal(done, told);
    assert.ok(inside > 0 && inside < done, `${inside} of ${done}`);
  });

  it("enlarges short chunks, and waits for asynchronous ones", async () => {
    const asked: number[] = [];
    let [running, most] = [0, 0];
    const loop = async (times: number) => {
      most = Math.max(most, ++running);
      asked.push(times);
      await Promise.resolve();
      running--;
    };
    while (asked.length < 20) { // Again if the system let this thread run too late.
      asked.length = 0;
      const now = monotonicNanoseconds();
      await countInWindow(loop, { from: now, to: now + 5e6 });
    }
    assert.equal(most, 1);
    assert.equal(asked[0], 1);
    const first = asked.slice(0, 20);
    assert.ok(first.some((times) => times > 16), first.join());
    assert.ok(asked.every((times, i) => i === 0 || times <= 2 * asked[i - 1]), first.join());
  });

  it("repeats an operation in a loop of its own, which awaits it if it must", async () => {
    let done = 0;
    const call = () => void done++;
    const [one, other] = [loopOf(call), loopOf(call)];
    assert.notEqual(String(one), String(other));
    one(3);
    assert.equal(done, 3);
    await loopOf(() => Promise.resolve().then(call), true)(2);
    assert.equal(done, 5);
  });

  it("warms up for some processor time, however long the thread sleeps", async () => {
    const word = new Int32Array(new SharedArrayBuffer(4));
    let done = 0;
    const told = await warmUp((times) => {
      for (let i = 0; i < times; i++) {
        Atomics.wait(word, 0, 0, 1);
        done++;
      }
    });
    assert.equal(told, done);
    assert.ok(done > 75, `${done} operations`); // By a clock on the wall, it would be 50.
  });
});
