import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { stripVTControlCharacters } from "node:util";
import type { Outcome } from "../../cli/count_outcome.ts";
import { CountReport } from "../../cli/count_report.ts";
import type { Run } from "../../src/counting/config.ts";
import { isExact, needsRedis, STRATEGY_NAMES } from "../../src/counting/strategies/names.ts";
import { outcomeOf } from "./outcomes.ts";

const SEARCH = { numbers: 32, serialMs: 70, noFlagMs: 601.2, flagMs: 52 };

/** The whole story without a Redis server: every race lost updates. */
const OUTCOMES: readonly Outcome[] = [
  outcomeOf("file", { workers: 1, errors: 1, errorSamples: [""] }),
  ...STRATEGY_NAMES.filter((name) => !needsRedis(name)).flatMap((name) => {
    if (name === "flag") {
      return [outcomeOf(name, { increments: 1, expected: 1, actual: 1, search: SEARCH })];
    }
    if (name === "file-lock") {
      const errors = { errors: 1, errorSamples: [""] };
      return [outcomeOf(name, errors), outcomeOf(name, { ...errors, granularity: "call" })];
    }
    const errorSamples = ["", "12\n8\n\n", "1\n8\n"];
    if (name === "file") return [outcomeOf(name, { lost: 3000, errors: 310, errorSamples })];
    return [outcomeOf(name, isExact(name, 4) ? {} : { lost: 3000 })];
  }),
];
const REDIS: Run = { strategy: "redis", workers: 4, granularity: "increment", runtimes: [] };

/** The lines of the story, as printed in the first part of a run. */
function told(room: number, outcomes = OUTCOMES): string[] {
  const report = new CountReport("process", room);
  const names = [...STRATEGY_NAMES, "file-lock (call)"];
  const size = { names, workers: 4, increments: 100_000_000, repeat: 1 };
  return [
    ...report.say(`deno 2.9.6 (/home/${"long/".repeat(40)}bin/deno)`),
    ...report.begin("Four processes of deno add to one number, many times.", size),
    ...outcomes.flatMap((outcome) => [...report.before(outcome.run), ...report.row(outcome)]),
    ...report.before(REDIS),
    ...report.leftOut(REDIS, "no redis-server"),
    ...report.end(),
    ...report.close("2 x AMD EPYC, linux 6.18. Workers warm."),
  ].map(stripVTControlCharacters);
}

describe("CountReport", () => {
  for (const room of [30, 60, 80, 120]) {
    it(`wraps nothing in ${room} columns`, () => {
      const lines = told(room);
      assert.deepEqual(lines.filter((line) => line.length > room), []);
      assert.deepEqual(lines.filter((line) => line !== line.trimEnd()), [], "no space at the end");
    });
  }

  it("shows a wrong count, why, and the cure in the first screen of 80 columns", () => {
    // Two lines are above it, from `deno task`.
    const screen = told(80).slice(0, 22).join("\n");
    assert.match(screen, /^file +1 x 1,000 +4?1,000 .* exact$/m);
    assert.match(screen, /^file +4 x 1,000 +1,000 .* LOST 3,000$/m);
    assert.match(screen, /one\s+of the two increments is lost/);
    assert.match(screen, /^The cure: a lock around each increment/m);
    assert.match(screen, /^file-lock +4 x 1,000 +4,000 .* exact$/m);
  });

  it("explains both kinds of reads that gave no number beside a sample of each", () => {
    const text = told(80).join("\n");
    assert.match(text, /^ {2}310 reads gave no number, and counted as 0:$/m);
    assert.match(text, /^ {4}"" +a file that another worker had just emptied to write it again$/m);
    assert.match(text, /^ {4}"1\\n8\\n" +what is left if two workers overwrite each other$/m);
    assert.match(
      text,
      /^file-lock .*\n {2}1 read gave no number, .* "" is the empty file at first$/m,
    );
  });

  it("tells each chapter once, in the order of the book", () => {
    const text = told(80).join(" ");
    const chapters = [
      ...["one worker", "file, four workers", "The cure", "whole call", "shared memory"],
      ...["bare number", "An array", "A manager", "shared flag", "atomic add", "A Redis server"],
    ];
    const places = chapters.map((chapter) => text.indexOf(chapter));
    assert.deepEqual(places, places.toSorted((a, b) => a - b));
    assert.ok(places[0] > 0);
  });

  it("tells what a flag is good for, and which strategies are left out", () => {
    const text = told(120).join("\n");
    const search = "1 prime of 32 found; four workers took 601 ms without the flag, 52 ms with it";
    assert.ok(text.includes(`flag               ${search}`), text);
    assert.ok(text.includes("redis              left out: no redis-server"), text);
    const wrong = outcomeOf("flag", { expected: 1, actual: 2, lost: -1, search: SEARCH });
    assert.match(told(120, [wrong]).join("\n"), /WRONG \(it must be 1\): 2 primes of 32 found/);
  });

  it("ends with what was lost, what each cure cost, and the advice", () => {
    const text = told(120).join("\n");
    assert.match(
      text,
      /^ {2}file lost 75 % at 34,000 ns; exact: file-lock 34,000, file-lock \(call\)/m,
    );
    assert.match(text, /^ {2}value lost 75 % .* exact: value-lock 34,000, value-lock-manual/m);
    assert.match(text, /Prefer what your team understands/);
    const exact = told(120, [outcomeOf("atomic"), outcomeOf("striped")]).join("\n");
    assert.doesNotMatch(exact, /What each race lost|Prefer/, "nothing to compare");
  });

  it("names a fault", () => {
    const text = told(80, [outcomeOf("value-lock", { lost: 3 })]).join("\n");
    assert.match(text, /^value-lock .* LOST 3$\n {2}value-lock must be exact and was not/m);
  });
});
