import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { CountResult } from "../../../src/counting/result.ts";
import {
  isExact,
  needsRedis,
  STRATEGY_NAMES,
  type StrategyName,
} from "../../../src/counting/strategies/names.ts";
import { adapter } from "../../../src/runtime/mod.ts";
import { skip } from "../../support/redis_server.ts";
import { all, count, own } from "../runtimes.ts";

const EXACT = STRATEGY_NAMES.filter((name) => isExact(name, 4));

/** Enough increments to contend for a while; fewer if each is a message. */
function incrementsOf(strategy: StrategyName): number {
  if (needsRedis(strategy)) return 50;
  return strategy.startsWith("manager") ? 250 : 2000;
}

function isComplete(result: CountResult, errors: number): void {
  const { strategy, workers, increments, expected, actual, lost } = result;
  assert.equal(expected, strategy === "flag" ? 1 : workers * increments);
  assert.equal(actual, expected);
  assert.equal(lost, 0);
  assert.equal(result.errors, errors);
  assert.equal(result.errorSamples.length, errors);
}

const withoutFlag = EXACT.filter((name) => name !== "flag");

function searchedThreeTimes({ search, nsPerIncrement }: CountResult): void {
  assert.ok(search!.serialMs > 0 && search!.noFlagMs > 0 && search!.flagMs > 0);
  assert.ok(nsPerIncrement > 0);
}

// The tests run in each runtime, so each tests itself; only Deno tests all together.
const GROUPS = [["process", own], ["worker", own], ["process", all]] as const;

for (const [unit, runtimes] of adapter.name === "deno" ? GROUPS : GROUPS.slice(0, 2)) {
  const names = runtimes.map(({ name }) => name).join(", ");
  describe(`4 ${unit === "process" ? "processes" : "Web Workers"} of ${names}`, () => {
    // The search of `flag` takes seconds; that of all runtimes together has processes of each.
    const tested = unit === "process" && runtimes === own ? withoutFlag : EXACT;
    for (const strategy of tested) {
      const increments = incrementsOf(strategy);
      it(`${strategy} is exact`, { skip: needsRedis(strategy) && skip }, async () => {
        const result = await count(strategy, runtimes, { unit, increments });
        // The text file is empty at first, which is one error.
        isComplete(result, strategy === "file-lock" ? 1 : 0);
        if (strategy === "flag") searchedThreeTimes(result);
        assert.deepEqual(result.runtimes, runtimes.map(({ name }) => name));
      });
    }
  });
}

describe("one experiment", () => {
  it("file is exact with one worker, and shows one error", async () => {
    const result = await count("file", own, { workers: 1 });
    isComplete(result, 1);
    assert.deepEqual(result.errorSamples, [""]);
  });

  it("file-lock is exact with the lock around the whole loop", async () => {
    isComplete(await count("file-lock", all, { workers: 3, granularity: "call" }), 1);
  });

  it("is exact without warming up", async () => {
    isComplete(await count("raw-value-lock", all, { warm: false }), 0);
  });

  it("is exact with more workers than the machine has cores", async () => {
    isComplete(await count("atomic", own, { unit: "worker", workers: 16, increments: 500 }), 0);
  });
});
