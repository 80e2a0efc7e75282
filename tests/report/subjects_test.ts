import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { SAFETIES } from "../../bench/report/answers/safety.ts";
import { SUBJECTS as CROWDS } from "../../bench/report/answers/scaling.ts";
import { COUNTERS } from "../../bench/report/answers/which_counter.ts";
import { LOCKS } from "../../bench/report/answers/which_lock.ts";
import type { Wanted } from "../../bench/report/figures.ts";
import { NAMES } from "../../bench/report/names.ts";
import { SUBJECTS } from "../../bench/subjects/mod.ts";
import { CANDIDATES } from "../../cli/advice/candidates.ts";

/** All that the bench measures of ours, as `subject/operation`. */
const measured = new Set(
  SUBJECTS.flatMap(({ name, operations = [], launches = [] }) =>
    [...operations, ...launches].map((one) => `${name}/${one.name}`)
  ),
);

function isThere(what: string): void {
  assert.ok(measured.has(what), `the bench measures no "${what}"`);
}

describe("what the report asks for is what the bench measures", () => {
  const wanted: readonly [string, readonly Wanted[]][] = [
    ["counters", COUNTERS.map(({ wanted }) => wanted)],
    ["locks", LOCKS.map(({ wanted }) => wanted)],
    ["safety", SAFETIES.flatMap(({ safe, bare }) => [safe, bare])],
    ["crowds", CROWDS.map(({ wanted }) => wanted)],
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
