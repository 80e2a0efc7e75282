import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { compareResults, describeComparison } from "../../bench/compare.ts";
import { resultsOf, rowOf } from "./results.ts";

/** What becomes of one row from these rounds to those. */
function change(before: number[], after: number[], noise = 0.02) {
  const runs = [before, after].map((rounds) => resultsOf([rowOf({}, ...rounds)]));
  runs[0].machine.noise = noise;
  return compareResults(runs[0], runs[1]).changes[0];
}

describe("bench compare", () => {
  it("finds what became faster and slower", () => {
    assert.equal(change([10, 10.1, 10.2], [13, 13.1, 13.2]).verdict, "slower");
    assert.equal(change([13, 13.1, 13.2], [10, 10.1, 10.2]).verdict, "faster");
  });

  it("takes for noise what the rounds or the run spread by", () => {
    assert.equal(change([10, 10.1, 10.2], [10.3, 10.4, 10.5]).verdict, "same");
    assert.equal(change([10, 12, 14], [13, 15, 16]).verdict, "same", "the ranges touch");
    assert.equal(change([8, 10, 12], [12.5, 13, 13.2]).verdict, "same", "the first spreads by 40%");
    assert.equal(change([10, 10, 10], [13, 13, 13], 0.4).verdict, "same", "its run was noisy");
  });

  it("names the rows that only one run has", () => {
    const [a, b, c] = ["a", "b", "c"].map((operation) => rowOf({ operation }, 1));
    const { onlyBefore, onlyAfter, changes } = compareResults(resultsOf([a, b]), resultsOf([b, c]));
    assert.deepEqual([onlyBefore, onlyAfter], [[a.id], [c.id]]);
    assert.deepEqual(changes.map(({ id }) => id), [b.id]);
  });

  it("shows the worst first, and how much stayed", () => {
    const rows = (...medians: number[]) =>
      resultsOf(medians.map((ns, i) => rowOf({ operation: `number ${i}` }, ns)));
    const text = describeComparison(compareResults(rows(10, 10, 10, 10), rows(20, 40, 10, 5)));
    assert.ok(text.indexOf("number 1") < text.indexOf("number 0"), text);
    assert.match(text, /2 slower, 1 faster, 1 the same within noise/);
    assert.doesNotMatch(text, /number 2/);
  });
});
