import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { stripVTControlCharacters } from "node:util";
import type { Outcome } from "../../cli/count_outcome.ts";
import { colorOf, CountTable, labelOf } from "../../cli/count_table.ts";
import { STRATEGY_NAMES } from "../../src/counting/strategies/names.ts";
import { outcomeOf } from "./outcomes.ts";

const NAMES = [...STRATEGY_NAMES, "file-lock (call)"];
/** The most increments that a run finds by itself, of which all are lost. */
const MOST = { workers: 4, increments: 100_000_000, lost: 400_000_000 - 1 } as const;

function linesOf(
  room: number,
  repeat = 1,
  outcome: Outcome = outcomeOf("value-lock-manual", MOST),
) {
  const { workers, increments } = MOST;
  const table = new CountTable({ names: NAMES, workers, increments, repeat }, room);
  return [...table.head, ...table.row(outcome)].map(stripVTControlCharacters);
}

describe("CountTable", () => {
  for (const repeat of [1, 20]) {
    for (const room of [60, 80, 100, 120, 160]) {
      it(`fits its longest row into ${room} columns, with ${repeat} runs`, () => {
        const lines = linesOf(room, repeat);
        assert.equal(lines.length, 3);
        for (const line of lines) assert.ok(line.length <= room, `${line.length}: ${line}`);
      });
    }
  }

  it("leaves out columns by rank", () => {
    const heads = (room: number, repeat?: number) => linesOf(room, repeat)[0].split(/ {2,}/);
    assert.deepEqual(heads(60), ["strategy", "actual", "cost (ns)", "verdict"]);
    assert.deepEqual(heads(80), ["strategy", "increments", "actual", "cost (ns)", "verdict"]);
    assert.ok(heads(100).includes("expected"));
    assert.ok(heads(160).length === 10, "all columns");
    assert.deepEqual(heads(80, 20), [
      ...["strategy", "mean (ns)", "deviation", "least", "most"],
      "verdict",
    ]);
  });

  it("makes a block of a row in less than 60 columns", () => {
    const lines = linesOf(30, 1, outcomeOf("file", { increments: 2000, lost: 7132 }));
    assert.deepEqual(lines, [
      "file",
      "  increments  4 x 2,000",
      "  actual      868",
      "  cost (ns)   34,000",
      "  verdict     LOST 7,132",
    ]);
  });

  it("puts a text beside a name, or below it in a block", () => {
    const size = { names: NAMES, workers: 4, increments: 10, repeat: 1 };
    assert.deepEqual(new CountTable(size, 60).text("flag", "1 prime of 32 found; it took 1 ms"), [
      "flag               1 prime of 32 found; it took 1 ms",
    ]);
    assert.deepEqual(new CountTable(size, 30).text("flag", "1 prime of 32 found; it took 1 ms"), [
      "flag",
      "  1 prime of 32 found; it took",
      "  1 ms",
    ]);
  });
});

describe("the verdict of a row", () => {
  const verdicts: [label: string, color: string, ...Outcome[]][] = [
    ["exact", "green", outcomeOf("atomic")],
    ["exact by luck", "yellow", outcomeOf("raw-value"), outcomeOf("value", {}, {})],
    ["LOST 12", "yellow", outcomeOf("value", { lost: 12 })],
    ["GAINED 12", "yellow", outcomeOf("file", { lost: -12 })],
    ["LOST 12", "red", outcomeOf("value-lock", { lost: 12 })],
    ["LOST in 1 of 2", "yellow", outcomeOf("value", {}, { lost: 5 })],
    ["LOST in 1 of 3", "red", outcomeOf("atomic", {}, { lost: 5 }, {})],
  ];
  for (const [label, color, ...outcomes] of verdicts) {
    for (const outcome of outcomes) {
      const { strategy } = outcome.run;
      it(`${strategy} is ${label} in ${outcome.results.length} runs, ${color}`, () => {
        assert.equal(labelOf(outcome), label);
        assert.equal(colorOf(outcome), color);
      });
    }
  }
});
