import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { COUNTERS, LOCKS } from "../../../bench/report/answers/costs.ts";
import { SAFETIES } from "../../../bench/report/answers/safety.ts";
import { SUBJECTS as SCALING } from "../../../bench/report/answers/scaling.ts";
import type { RowFilter } from "../../../bench/report/figures.ts";
import { NAMES } from "../../../bench/report/names.ts";
import { SUBJECTS } from "../../../bench/subjects/mod.ts";
import { CANDIDATES } from "../../../src/advice/candidates.ts";

/** All operations of Interlock that the benchmark measures, as `subject/operation`. */
const measured = new Set(
  SUBJECTS.flatMap(({ name, operations = [], launches = [] }) =>
    [...operations, ...launches].map((one) => `${name}/${one.name}`)
  ),
);

function isThere(what: string): void {
  assert.ok(measured.has(what), `the benchmark does not measure "${what}"`);
}

describe("the benchmark measures every operation of the report:", () => {
  const wanted: readonly [string, readonly RowFilter[]][] = [
    ["counters", COUNTERS.map(({ wanted }) => wanted)],
    ["locks", LOCKS.map(({ wanted }) => wanted)],
    ["safety", SAFETIES.flatMap(({ safe, bare }) => [safe, bare])],
    ["scaling", SCALING.map(({ wanted }) => wanted)],
    ["advice", CANDIDATES.map(({ measured }) => measured)],
  ];
  for (const [name, all] of wanted) {
    it(name, () => {
      for (const { subject, operation } of all) isThere(`${subject}/${operation}`);
    });
  }

  it("names", () => {
    for (const what of Object.keys(NAMES)) isThere(what);
  });
});
