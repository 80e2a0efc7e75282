import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { calibrate, roundNumber } from "../../src/counting/calibration.ts";
import { Gate } from "../../src/counting/gate.ts";
import { regions } from "../../src/counting/layout.ts";
import { Memory } from "../../src/memory/memory.ts";

describe("roundNumber", () => {
  it("rounds to the nearest of 1, 2, 5, 10 and so on, at most the limit", () => {
    const rounded = [0, 0.3, 1, 1.4, 1.5, 3.1, 3.2, 7, 7.2, 14, 1000, 80_000].map((n) =>
      roundNumber(n)
    );
    assert.deepEqual(rounded, [1, 1, 1, 1, 2, 2, 5, 5, 10, 10, 1000, 100_000]);
    assert.equal(roundNumber(9e9, 100_000_000), 100_000_000);
    assert.equal(roundNumber(9e9, 8_388_607), 5_000_000);
  });
});

describe("calibrate", () => {
  /** Calibrates a single worker whose increments take `ns`, on its thread. */
  async function calibrated(ns: number): Promise<{ found: number; done: number }> {
    const gate = new Gate(Memory.anonymous(regions(1).byteLength), 1);
    let done = 0;
    const found = await calibrate(
      (times) => {
        done += times;
        const end = performance.now() + times * ns / 1e6;
        while (performance.now() < end);
        return Promise.resolve();
      },
      gate,
      0,
      1,
      200,
    );
    return { found, done };
  }

  it("finds as many increments as fill the phase, and does fewer", async () => {
    // 200 ms; a busy machine makes increments look slower, so only the upper bound is sure.
    for (const [ns, most] of [[100_000, 2000], [1_000_000, 200]]) {
      const { found, done } = await calibrated(ns);
      assert.ok(found >= 1 && found <= most, `${found} of ${ns} ns`);
      assert.ok(done < 4 * most, `${done} increments`);
    }
  });
});
