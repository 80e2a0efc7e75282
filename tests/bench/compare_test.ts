import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { compareResults, describeComparison } from "../../bench/compare.ts";
import { resultsOf, rowOf } from "./results.ts";

/** Compares two runs of one row with these rounds. */
function change(before: number[], after: number[], noise = 0.02) {
  const runs = [before, after].map((rounds) => resultsOf([rowOf({}, ...rounds)]));
  runs[0].machine.noise = noise;
  return compareResults(runs[0], runs[1]).changes[0];
}

describe("bench compare", () => {
  it("finds rows that became faster or slower", () => {
    assert.equal(change([10, 10.1, 10.2], [13, 13.1, 13.2]).verdict, "slower");
    assert.equal(change([13, 13.1, 13.2], [10, 10.1, 10.2]).verdict, "faster");
  });

  it("treats the spread of the rounds or the run as noise", () => {
    assert.equal(change([10, 10.1, 10.2], [10.3, 10.4, 10.5]).verdict, "same");
    assert.equal(change([10, 12, 14], [13, 15, 16]).verdict, "same", "the ranges touch");
    assert.equal(change([8, 10, 12], [12.5, 13, 13.2]).verdict, "same", "the first spreads by 40%");
    assert.equal(change([10, 10, 10], [13, 13, 13], 0.4).verdict, "same", "its run was noisy");
  });

  it("allows more noise after one round only", () => {
    const [before, after] = [10, 12].map((ns) => resultsOf([rowOf({}, ns)], { rounds: 1 }));
    assert.equal(compareResults(before, after).changes[0].verdict, "same");
    assert.equal(compareResults({ ...before, rounds: 2 }, after).changes[0].verdict, "same");
    const [twice, again] = [before, after].map((run) => ({ ...run, rounds: 2 }));
    assert.equal(compareResults(twice, again).changes[0].verdict, "slower");
  });

  it("lists the rows that only one run has", () => {
    const [a, b, c] = ["a", "b", "c"].map((operation) => rowOf({ operation }, 1));
    const { onlyBefore, onlyAfter, changes } = compareResults(resultsOf([a, b]), resultsOf([b, c]));
    assert.deepEqual([onlyBefore, onlyAfter], [[a.id], [c.id]]);
    assert.deepEqual(changes.map(({ id }) => id), [b.id]);
  });

  it("shows the worst first, and the number of unchanged rows", () => {
    const rows = (...medians: number[]) =>
      resultsOf(medians.map((ns, i) => rowOf({ operation: `number ${i}` }, ns)));
    const text = describeComparison(compareResults(rows(10, 10, 10, 10), rows(20, 40, 10, 5)));
    assert.ok(text.indexOf("number 1") < text.indexOf("number 0"), text);
    assert.match(text, /2 slower, 1 faster, 1 the same within noise/);
    assert.doesNotMatch(text, /number 2/);
  });
});
