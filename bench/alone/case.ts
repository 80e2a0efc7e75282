/**
 * One operation in one thread, by mitata: `case.ts SPEC`. Prints its figure. A process each, since
 * an engine optimises for all that it has seen.
 *
 * @module
 */
import { measure } from "mitata";
import { createRequire } from "node:module";
import { join } from "node:path";
import process from "node:process";
import { Memory } from "../../src/memory/mod.ts";
import { type Folders, operationOf, placeOf } from "../place.ts";
import type { RowKey } from "../results.ts";
import type { Figure } from "../step.ts";
import { PLACE_BYTES } from "../subjects/subject.ts";

/** What the process is told. */
export interface CaseSpec {
  readonly row: RowKey;
  readonly folders: Folders;
  /** Where packages of rivals are installed. */
  readonly packages: string | undefined;
  /** The processor time to measure for, at least; in milliseconds. */
  readonly ms: number;
}

/** Enough for the percentiles, and to print. */
const MOST_SAMPLES = 20_000;

const spec = JSON.parse(process.argv[2]) as CaseSpec;
const { row, folders, packages, ms } = spec;
const { once, timed = false } = await operationOf(row);
if (once === undefined) throw new Error(`"${row.operation}" is nothing that one does alone`);
const memory = row.medium === "mapped"
  ? Memory.map(join(folders.fast, "memory"), PLACE_BYTES)
  : Memory.anonymous(PLACE_BYTES);
const place = {
  ...placeOf(memory, folders, 0, 0, 1),
  load: createRequire(join(packages ?? folders.temporary, "package.json")),
};
const stats = await measure(await once(place), {
  min_cpu_time: ms * 1e6,
  ...timed && { batch_threshold: 0, max_samples: MOST_SAMPLES },
});
const figure: Figure = { ns: stats.p50, ...timed && { samples: stats.samples } };
process.stdout.write(`${JSON.stringify(figure)}\n`, () => process.exit());
