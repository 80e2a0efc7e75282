import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { STRATEGY_NAMES } from "../../src/counting/strategies/names.ts";
import { similarTo } from "../../src/host/similar.ts";

describe("similarTo", () => {
  it("finds the name that was meant", () => {
    const typed: readonly (readonly [string, string])[] = [
      ["atomik", "atomic"],
      ["ATOMIC", "atomic"],
      ["vlaue", "value"],
      ["valuelock", "value-lock"],
      ["rawvalue", "raw-value"],
      ["file_lock", "file-lock"],
      ["redis-coalesce", "redis-coalesced"],
    ];
    for (const [text, name] of typed) assert.equal(similarTo(text, STRATEGY_NAMES), name, text);
  });

  it("finds none if none is similar", () => {
    for (const text of ["", "semaphore", "x"]) {
      assert.equal(similarTo(text, STRATEGY_NAMES), undefined, text);
    }
  });
});
