import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { claimsOf, partsByVariant } from "../../../bench/report/goals.ts";
import type { Verdict } from "../../../bench/results.ts";
import { row, run } from "./fixtures/runs.ts";

const ours = (["deno", "bun"] as const).map((runtime) =>
  row({ subject: "atomics", operation: "add", runtime, median: 4 })
);
const theirs = row({ subject: "atomics", operation: "add", by: "c", median: 2 });
const verdict = (row: string, more: Partial<Verdict> = {}): Verdict => ({
  claim: "an add costs at most 1.5 times C's",
  row,
  of: theirs.id,
  goal: 1.5,
  kind: "at most times",
  measured: 1.5,
  met: true,
  ...more,
});

describe("claimsOf", () => {
  it("groups the runtimes of a claim and explains a missed goal once", () => {
    const goals = [
      verdict(ours[0].id, { measured: 2.004, met: false }),
      verdict(ours[1].id, { measured: 1.499 }),
    ];
    const shortfalls = { [goals[0].claim]: "this" };
    assert.deepEqual(claimsOf(run([...ours, theirs], { goals }), shortfalls), [{
      claim: "An add costs at most 1.5 times C's",
      goal: "≤ 1.5× C",
      met: 1,
      parts: [
        { who: "Deno", variant: "", measured: "2.00×", met: false },
        { who: "Bun", variant: "", measured: "1.50×", met: true },
      ],
      shortfall: "this",
    }]);
  });

  it("formats goals of every kind", () => {
    const said = (more: Partial<Verdict>) =>
      claimsOf(run([...ours, theirs], { goals: [verdict(ours[0].id, more)] }))[0];
    const time = said({ kind: "at most ns", of: undefined, goal: 10_000, measured: 2700 });
    assert.deepEqual([time.goal, time.parts[0].measured], ["≤ 10.0 µs", "2.7 µs"]);
    const faster = said({ kind: "at least times faster", goal: 20, measured: 83.3 });
    assert.deepEqual([faster.goal, faster.parts[0].measured], ["≥ 20× faster than C", "83×"]);
  });

  it("names the properties that differ between the rows of a claim", () => {
    const rows = [1, 4].map((count) => row({ ...ours[0], setting: "processes", count }));
    const goals = rows.map(({ id }) => verdict(id));
    const [claim] = claimsOf(run([...rows, theirs], { goals }));
    assert.deepEqual(claim.parts.map(({ variant }) => variant), ["1 process", "4 processes"]);
    assert.deepEqual(partsByVariant(claim).map(([variant]) => variant), [
      "1 process",
      "4 processes",
    ]);
  });

  it("keeps a claim whose rows are not in the run", () => {
    const [claim] = claimsOf(run([], { goals: [verdict("gone", { of: "gone too" })] }));
    assert.deepEqual([claim.goal, claim.parts[0].who], ["≤ 1.5×", ""]);
  });
});
