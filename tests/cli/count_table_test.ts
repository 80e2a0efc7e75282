import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { stripVTControlCharacters } from "node:util";
import { CountTable } from "../../cli/count_table.ts";
import type { CountResult } from "../../src/counting/result.ts";
import { STRATEGY_NAMES } from "../../src/counting/strategies/names.ts";

const RESULT: CountResult = {
  strategy: "redis-get-set",
  exact: false,
  unit: "process",
  runtimes: ["deno"],
  workers: 4,
  increments: 1000,
  expected: 4000,
  actual: 1722,
  lost: 2278,
  errors: 1,
  errorSamples: [""],
  countingMs: 549.4,
  totalMs: 700.1,
  nsPerIncrement: 137_359,
  startSkewUs: 12,
};

/** The lines of a table with one row, and the heads of its columns. */
function tableOf(room?: number) {
  const table = new CountTable(STRATEGY_NAMES, 4000, room);
  const lines = stripVTControlCharacters(`${table.add(RESULT)}\n${table.end}`).split("\n");
  const heads = lines[1].split("│").map((head) => head.trim()).filter((head) => head !== "");
  return { lines, heads };
}

describe("CountTable", () => {
  it("has all columns if its output is not a terminal", () => {
    const { lines, heads } = tableOf();
    assert.equal(heads.length, 9);
    assert.ok(lines[3].includes("137,359"), lines[3]);
  });

  for (const room of [80, 100, 120]) {
    it(`fits into ${room} columns of a terminal`, () => {
      const { lines, heads } = tableOf(room);
      for (const line of lines) assert.ok(line.length <= room, line);
      for (const head of ["strategy", "actual", "lost", "ns/increment", "verdict"]) {
        assert.ok(heads.includes(head), head);
      }
      assert.ok(lines[3].includes("LOST 2,278 updates"), lines[3]);
    });
  }

  it("shows more in a wider terminal", () => {
    assert.ok(tableOf(120).heads.length > tableOf(80).heads.length);
  });
});
