/**
 * Measures one operation in one thread with mitata: `case.ts SPEC`. Prints its figure. Each operation
 * gets a process of its own, since an engine optimizes for all code that has run in it.
 *
 * @module
 */
import { measure } from "mitata";
import { join } from "node:path";
import process from "node:process";
import { Memory } from "../../src/memory/mod.ts";
import { contextOf, operationOf } from "../context.ts";
import type { RowKey } from "../results.ts";
import type { Site } from "../site.ts";
import type { Figure } from "../step.ts";
import { CONTEXT_BYTES } from "../subjects/subject.ts";

/** The argument of the process. */
export interface CaseSpec {
  readonly row: RowKey;
  readonly site: Site;
  /** The least processor time to measure, in milliseconds. */
  readonly ms: number;
}

/** Enough for the percentiles, few enough to print. */
const MOST_SAMPLES = 20_000;

const spec = JSON.parse(process.argv[2]) as CaseSpec;
const { row, site, ms } = spec;
const { alone, timed = false, per = 1 } = await operationOf(row);
if (alone === undefined) {
  throw new Error(`Cannot measure "${row.operation}" alone: it is for several at once`);
}
const memory = row.medium === "mapped"
  ? Memory.map(join(site.fast, "memory"), CONTEXT_BYTES)
  : Memory.anonymous(CONTEXT_BYTES);
const stats = await measure(await alone(contextOf(memory, site, 0, 0, 1)), {
  min_cpu_time: ms * 1e6,
  ...timed && { batch_threshold: 0, max_samples: MOST_SAMPLES },
});
const figure: Figure = { ns: stats.p50 / per, ...timed && { samples: stats.samples } };
process.stdout.write(`${JSON.stringify(figure)}\n`, () => process.exit());
