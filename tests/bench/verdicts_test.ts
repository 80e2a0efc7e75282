import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Goal, Subject } from "../../bench/subjects/subject.ts";
import { verdictsOf } from "../../bench/verdicts.ts";
import { rowOf } from "./results.ts";

function subject(...goals: Goal[]): Subject[] {
  return [{ name: "mutex", goals }];
}

const OF_C: Goal = {
  claim: "It costs at most 2 times C's",
  kind: "at most times",
  goal: 2,
  row: { setting: "alone" },
  of: { by: "c" },
};

describe("a verdict", () => {
  const c = rowOf({ by: "c" }, 5, 5, 5);

  it("is made for each runtime, from the median of the rounds' ratios", () => {
    const rows = [
      c,
      rowOf({ runtime: "deno" }, 9, 30, 8),
      rowOf({ runtime: "bun" }, 11, 4, 12),
      rowOf({ runtime: "bun", setting: "processes" }, 1),
    ];
    const verdicts = verdictsOf(subject(OF_C), rows);
    assert.deepEqual(verdicts.map(({ row, measured, met }) => [row, measured, met]), [
      [rows[1].id, 1.8, true],
      [rows[2].id, 2.2, false],
    ]);
    assert.equal(verdicts[0].of, c.id);
  });

  it("prefers the rival of the same runtime", () => {
    const goal: Goal = { ...OF_C, kind: "at least times faster", goal: 3, of: { by: "other" } };
    const rows = [
      rowOf({ runtime: "deno" }, 10),
      rowOf({ runtime: "deno", by: "other" }, 40),
      rowOf({ by: "other" }, 1),
    ];
    const [{ measured, met, of }] = verdictsOf(subject(goal), rows);
    assert.deepEqual([measured, met, of], [4, true, rows[1].id]);
  });

  it("may be about a time or one of its percentiles", () => {
    const goal: Goal = { claim: "Quick", kind: "at most ns", goal: 10, row: {} };
    const row = { ...rowOf({}, 9, 10, 12), latency: { p50: 9, p99: 11, p999: 12, max: 13 } };
    const of = (goal: Goal) =>
      verdictsOf(subject(goal), [row]).map(({ measured, met }) => [measured, met]);
    assert.deepEqual(of(goal), [[10, true]]);
    assert.deepEqual(of({ ...goal, percentile: "p99" }), [[11, false]]);
  });

  it("is not made if the rival was not measured", () => {
    assert.deepEqual(verdictsOf(subject(OF_C), [rowOf({ runtime: "deno" }, 1)]), []);
  });
});
