import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { checkRatios, ratiosOf } from "../../../bench/compare.ts";
import { median, spreadOf } from "../../../bench/statistics.ts";
import { resultsOf, rowOf } from "../results.ts";

const regressionsOf = (...given: Parameters<typeof checkRatios>) =>
  checkRatios(...given).changes.filter(({ verdict }) => verdict === "slower");

/** A run with a row of ours and a rival's, which a claim compares. */
function run(ours: number[], theirs: number[]) {
  const [row, rival] = [rowOf({}, ...ours), rowOf({ by: "c" }, ...theirs)];
  const verdict = {
    claim: "It is quick",
    row: row.id,
    of: rival.id,
    goal: 2,
    kind: "at most times" as const,
    measured: 1,
    met: true,
  };
  const time = { ...verdict, of: undefined, kind: "at most ns" as const };
  return resultsOf([row, rival], { goals: [verdict, { ...verdict, claim: "Very" }, time] });
}

describe("bench check", () => {
  it("takes each ratio once, by rounds, and ignores times", () => {
    const [ratio, ...others] = ratiosOf(run([10, 20, 30], [5, 20, 10]));
    assert.deepEqual(others, []);
    assert.equal(median(ratio.rounds), 2);
    assert.equal(spreadOf(ratio), 1);
  });

  it("accepts a slower machine", () => {
    const baseline = ratiosOf(run([10, 10, 10], [5, 5, 5]));
    assert.deepEqual(regressionsOf(baseline, run([100, 100, 100], [50, 50, 50])), []);
  });

  it("finds a row that became slower than its rival", () => {
    const baseline = ratiosOf(run([10, 10, 10], [5, 5, 5]));
    const [found] = regressionsOf(baseline, run([14, 14, 14], [5, 5, 5]));
    assert.equal(found.before, 2);
    assert.equal(found.after, 2.8);
    assert.deepEqual(regressionsOf(baseline, run([12, 12, 12], [5, 5, 5])), [], "it is noise");
    assert.deepEqual(regressionsOf(baseline, run([8, 14, 20], [5, 5, 5])), [], "it spreads");
    assert.deepEqual(regressionsOf(baseline, run([5, 5, 5], [5, 5, 5])), [], "it is faster");
  });

  it("ignores rows that the baseline does not have", () => {
    assert.deepEqual(regressionsOf([], run([100], [5])), []);
  });
});
