import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { goals, standing } from "../../../bench/report/goals.ts";
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

describe("goals", () => {
  it("have a line for each claim with its runtimes, and one count", () => {
    const results = run([...ours, theirs], {
      goals: [
        verdict(ours[0].id, { measured: 2.004, met: false }),
        verdict(ours[1].id, { measured: 1.499 }),
        verdict(ours[1].id, { claim: "another" }),
      ],
    });
    const { answer, table } = goals(results);
    assert.equal(standing(results), "1 of 2");
    assert.match(answer, /^\*\*1 of 2\*\* goals are met in every runtime /);
    assert.deepEqual(table.rows, [
      [
        "An add costs at most 1.5 times C's",
        "≤ 1.5× C",
        "Deno 2.00×, Bun 1.50×",
        "**not met** by Deno",
      ],
      ["Another", "≤ 1.5× C", "Bun 1.50×", "met"],
    ]);
  });

  it("are of every kind", () => {
    const said = (more: Partial<Verdict>) =>
      goals(run([...ours, theirs], { goals: [verdict(ours[0].id, more)] })).table.rows[0];
    const time = said({ kind: "at most ns", of: undefined, goal: 10_000, measured: 2700 });
    assert.deepEqual(time.slice(1, 3), ["≤ 10.0 µs", "Deno 2.7 µs"]);
    const faster = said({ kind: "at least times faster", goal: 20, measured: 83.3, met: false });
    assert.deepEqual(faster.slice(1), ["≥ 20× faster than C", "Deno 83×", "**not met**"]);
  });

  it("name the properties that differ between the rows of a claim", () => {
    const rows = [1, 4].map((count) => row({ ...ours[0], setting: "processes", count }));
    const { table } = goals(
      run([...rows, theirs], { goals: rows.map(({ id }) => verdict(id)) }),
    );
    assert.deepEqual(table.rows.map(([claim]) => claim), [
      "An add costs at most 1.5 times C's: 1 process",
      "An add costs at most 1.5 times C's: 4 processes",
    ]);
  });

  it("keep a claim whose rows are not in the run", () => {
    const { table } = goals(run([], { goals: [verdict("gone", { of: "gone too" })] }));
    assert.deepEqual(table.rows.map((cells) => cells[1]), ["≤ 1.5×"]);
  });
});
