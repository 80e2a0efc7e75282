import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { describe, it } from "node:test";
import { type Effort, FULL, QUICK } from "../../bench/effort.ts";
import { planOf, type Setup, wantedBy } from "../../bench/plan.ts";
import { rowId } from "../../bench/results.ts";
import type { Site } from "../../bench/site.ts";
import { SUBJECTS } from "../../bench/subjects/mod.ts";
import { verdictsOf } from "../../bench/verdicts.ts";
import type { Runtime } from "../../src/host/runtimes.ts";
import { rowOf } from "./results.ts";

const MINUTE = 60_000;
const runtimes = (["deno", "bun", "node"] as const)
  .map((name): Runtime => ({ name, version: "0", path: name }));

/** The plan of a machine that has everything. */
function plan(effort: Effort, more: Partial<Setup> = {}) {
  return planOf(SUBJECTS, {
    runtimes,
    has: () => true,
    effort,
    site: {} as Site,
    wants: () => true,
    ...more,
  });
}

const idsOf = (steps: ReturnType<typeof plan>) =>
  steps.flatMap(({ rows }) => rows.map((row) => rowId(row)));

describe("the plan of a bench", () => {
  it("takes less than 15 minutes, and less than one minute if quick", () => {
    for (const [effort, most] of [[FULL, 15 * MINUTE], [QUICK, 0.9 * MINUTE]] as const) {
      const planned = effort.rounds * plan(effort).reduce((sum, { ms }) => sum + ms, 0);
      assert.ok(planned < most, `${planned} ms`);
    }
  });

  it("contains each row once", () => {
    const ids = idsOf(plan(FULL));
    assert.deepEqual(ids, [...new Set(ids)]);
  });

  it("has a subject for each file", () => {
    const files = readdirSync(new URL("../../bench/subjects/", import.meta.url))
      .filter((name) => !["mod.ts", "subject.ts"].includes(name));
    assert.deepEqual(SUBJECTS.map(({ name }) => `${name}.ts`).sort(), files.sort());
  });

  it("measures what each goal needs", () => {
    const rows = plan(FULL).flatMap(({ rows }) => rows.map((row) => rowOf(row, 1)));
    const latency = { p50: 1, p99: 1, p999: 1, max: 1 };
    const measured = rows.map((row) => ({ ...row, latency }));
    for (const { name, goals } of SUBJECTS) {
      for (const goal of goals) {
        const verdicts = verdictsOf([{ name, goals: [goal] }], measured);
        assert.ok(verdicts.length > 0, `${goal.claim}: ${JSON.stringify(goal.row)}`);
      }
    }
  });

  it("keeps the rows that match a filter, and no empty fleet", () => {
    const steps = plan(FULL, { wants: wantedBy("^mutex/hand-off/.*/(bun|-)/") });
    assert.deepEqual(idsOf(steps), [
      "mutex/hand-off/c/-/mapped/processes/2",
      "mutex/hand-off/interlock/bun/mapped/processes/2",
    ]);
  });

  it("leaves out missing rivals", () => {
    const steps = plan(FULL, { has: () => false });
    const by = new Set(steps.flatMap(({ rows }) => rows.map(({ by }) => by)));
    assert.deepEqual(
      [...by].sort(),
      ["empty program", "interlock", "navigator.locks", "postMessage"],
    );
    const python = idsOf(plan(FULL, { has: (name) => name === "python3" }))
      .filter((id) => id.includes("/python/"));
    assert.ok(python.length > 0 && !python.some((id) => id.includes("/file/")), "no fasteners");
  });
});
