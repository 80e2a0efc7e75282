import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { clock, summaryOf } from "../../bench/screen.ts";
import { resultsOf, rowOf } from "./results.ts";

describe("the time that a bench takes", () => {
  it("is shown in minutes and seconds", () => {
    assert.equal(clock(4_400), "0:04");
    assert.equal(clock(59_700), "1:00");
    assert.equal(clock(605_000), "10:05");
  });
});

describe("the summary of a run", () => {
  it("has a line for each operation, its rivals, the goals, and what is missing", () => {
    const rows = [rowOf({ runtime: "deno" }, 4, 5, 6), rowOf({ by: "c" }, 2)];
    const text = summaryOf(resultsOf(rows, {
      missing: [{ what: "python3, so it was not measured", todo: "install it" }],
      goals: [{
        claim: "It is quick",
        row: rows[0].id,
        of: rows[1].id,
        kind: "at most times",
        goal: 2,
        measured: 2.5,
        met: false,
      }],
    }));
    assert.match(text, /lock, unlock .* mapped .* one .* 5\.0 ns .* c 2\.0 ns/);
    assert.match(text, /It is quick .* ≤ 2× C.* Deno 2\.50× .* not met/);
    assert.match(text, /\n0 of 1 goals are met/);
    assert.match(text, /MISSING: python3, so it was not measured; install it/);
  });
});
