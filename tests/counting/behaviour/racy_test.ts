import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { CountResult } from "../../../src/counting/result.ts";
import type { StrategyName } from "../../../src/counting/strategies/names.ts";
import { skip } from "../../support/redis_server.ts";
import { count, own } from "../runtimes.ts";

const TRIES = 20;

/** Repeats an unlocked run until it loses updates: a single run may lose none. */
async function runUntilLost(strategy: StrategyName, settings: object): Promise<CountResult> {
  for (let i = 0; i < TRIES; i++) {
    const result = await count(strategy, own, settings);
    if (result.lost > 0) return result;
  }
  throw new assert.AssertionError({ message: `${strategy} lost no update in ${TRIES} runs` });
}

for (const unit of ["process", "worker"] as const) {
  describe(`a racy strategy, with units of ${unit}`, () => {
    for (const strategy of ["value", "raw-value"] as const) {
      it(`${strategy} loses updates`, async () => {
        // The number of increments that it finds is meant to lose in the first run.
        const { actual, increments } = await runUntilLost(strategy, { unit });
        assert.match(String(increments), /^[125]0{3,}$/);
        assert.ok(actual > 0 && Number.isInteger(actual));
      });
    }

    it("manager-get-set loses updates", async () => {
      const { actual } = await runUntilLost("manager-get-set", { unit });
      assert.ok(actual > 0);
    });

    it("redis-get-set loses updates", { skip }, async () => {
      const { actual } = await runUntilLost("redis-get-set", { unit, increments: 200 });
      assert.ok(actual > 0);
    });

    it("file loses updates, and keeps texts that are no number", async () => {
      const { errors, errorSamples } = await runUntilLost("file", { unit });
      assert.ok(errors >= 1, "the first read is empty");
      assert.ok(errorSamples.length >= 1 && errorSamples.length <= Math.min(errors, 10));
      assert.equal(new Set(errorSamples).size, errorSamples.length, "each text once");
      for (const text of errorSamples) assert.doesNotMatch(text, /^\s*\d+\s*$/);
    });
  });
}
