import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { wantedBy } from "../../../bench/report/answer.ts";
import { COUNTERS, LOCKS, SAFETIES, SCALED } from "../../../bench/report/answers.ts";
import { NAMES } from "../../../bench/report/names.ts";
import { SUBJECTS } from "../../../bench/subjects/mod.ts";
import { CANDIDATES } from "../../../src/advice/candidates.ts";

/** All operations of Interlock that the benchmark measures, as `subject/operation`. */
const measured = new Set(
  SUBJECTS.flatMap(({ name, operations = [], programs = [] }) =>
    [...operations, ...programs].filter(({ by = "interlock" }) => by === "interlock")
      .map((one) => `${name}/${one.name}`)
  ),
);

describe("the benchmark measures every operation of the report:", () => {
  const wanted: Readonly<Record<string, readonly string[]>> = {
    counters: COUNTERS.map(([key]) => key),
    locks: LOCKS.map(([key]) => key),
    safety: SAFETIES.flatMap(({ ratio }) => ratio.split(" : ")),
    scaling: SCALED.flat(),
    advice: CANDIDATES.flatMap(({ ways }) =>
      ways.map(({ subject, operation }) => `${subject}/${operation}`)
    ),
    names: Object.keys(NAMES),
  };
  for (const [name, all] of Object.entries(wanted)) {
    it(name, () => {
      for (const key of all) {
        assert.ok(measured.has(key), `the benchmark does not measure "${key}"`);
        const { subject, operation } = wantedBy(key);
        assert.equal(`${subject}/${operation}`, key);
      }
    });
  }
});
