import type { Command } from "commander";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { z } from "zod";
import { print } from "../src/host/interruption.ts";
import { UsageError } from "../src/host/usage_error.ts";
import { readResults, type Results } from "./results.ts";
import { median } from "./statistics.ts";

const RESULTS = new URL("./results/", import.meta.url);
const BASELINE = new URL("./baseline.json", import.meta.url);
/** An increase up to this is never a regression. */
const TOLERANCE = 0.25;

const ratioSchema = z.strictObject({
  /** The id of our row. */
  row: z.string(),
  /** The id of the row to which it is compared, measured in the same rounds. */
  of: z.string(),
  /** Our time divided by the other: the median of the rounds. */
  ratio: z.number().positive(),
  /** The range of the rounds' ratios, divided by their median. */
  spread: z.number().nonnegative(),
});

const baselineSchema = z.strictObject({
  version: z.literal(1),
  /** When its run began. */
  when: z.iso.datetime(),
  machine: z.string(),
  ratios: z.array(ratioSchema),
});

/** Our time divided by a rival's. */
export type Ratio = z.infer<typeof ratioSchema>;
/** The ratios to which later runs are compared. */
export type Baseline = z.infer<typeof baselineSchema>;

/** A ratio that has grown by more than noise. */
export interface Regression {
  readonly row: string;
  readonly of: string;
  readonly before: number;
  readonly after: number;
  /** The largest ratio that would be noise. */
  readonly limit: number;
}

/** The ratios of a run, for each row that a claim compares with another. */
export function ratiosOf({ rows, goals }: Results): Ratio[] {
  const byId = new Map(rows.map((row) => [row.id, row.rounds]));
  const pairs = new Map(
    goals.flatMap(({ row, of }) =>
      of === undefined ? [] : [[`${row} ${of}`, { row, of }] as const]
    ),
  );
  return [...pairs.values()].map(({ row, of }) => {
    const theirs = byId.get(of)!;
    const ratios = byId.get(row)!.map((ns, i) => ns / theirs[i]);
    const ratio = median(ratios);
    return { row, of, ratio, spread: (Math.max(...ratios) - Math.min(...ratios)) / ratio };
  });
}

/** The ratios that exceed the baseline by more than either spread. */
export function regressionsOf(baseline: Baseline, results: Results): Regression[] {
  const known = new Map(baseline.ratios.map((one) => [`${one.row} ${one.of}`, one]));
  return ratiosOf(results).flatMap(({ row, of, ratio, spread }) => {
    const before = known.get(`${row} ${of}`);
    if (before === undefined) return [];
    const limit = before.ratio * (1 + Math.max(TOLERANCE, before.spread, spread));
    return ratio > limit ? [{ row, of, before: before.ratio, after: ratio, limit }] : [];
  });
}

/** Makes a baseline of a run. */
export function baselineOf(results: Results): Baseline {
  const { cpu, cores, platform, kernel } = results.machine;
  return {
    version: 1,
    when: results.when,
    machine: `${cores} x ${cpu}, ${platform} ${kernel}`,
    ratios: ratiosOf(results),
  };
}

/** The file of the last run. */
function lastResults(): URL {
  const names = readdirSync(RESULTS).filter((name) => name.startsWith("bench-")).sort();
  const last = names.at(-1);
  if (last !== undefined) return new URL(last, RESULTS);
  throw new UsageError("Cannot check: there are no results; run `deno task bench` first");
}

function readBaseline(): Baseline {
  if (!existsSync(BASELINE)) {
    throw new UsageError("Cannot check: there is no bench/baseline.json; make it with --accept");
  }
  return baselineSchema.parse(JSON.parse(readFileSync(BASELINE, "utf8")));
}

/** Adds `bench check`. */
export function addCheck(program: Command): void {
  program.command("check")
    .description(
      "compare a run's ratios to its rivals with the baseline; fail if they are worse",
    )
    .argument("[results]", "file in bench/results (default: the last)")
    .option("--accept", "make the run the baseline")
    .action(async (file: string | undefined, { accept }: { accept?: true }) => {
      const results = readResults(file ?? lastResults());
      if (accept) {
        writeFileSync(BASELINE, `${JSON.stringify(baselineOf(results), null, 1)}\n`);
        return;
      }
      const baseline = readBaseline();
      const regressions = regressionsOf(baseline, results);
      const compared = new Set(baseline.ratios.map(({ row, of }) => `${row} ${of}`));
      const common = ratiosOf(results).filter(({ row, of }) => compared.has(`${row} ${of}`));
      for (const { row, of, before, after, limit } of regressions) {
        await print(
          `${row}: ${after.toFixed(2)} times ${of}; the baseline is ${before.toFixed(2)}, ` +
            `noise up to ${limit.toFixed(2)}`,
        );
      }
      await print(
        `${regressions.length} of ${common.length} ratios are worse than in the baseline`,
      );
      if (common.length === 0) {
        throw new Error("Cannot check: the run and the baseline have no ratio in common");
      }
      if (regressions.length > 0) throw new Error("Slower than the baseline");
    });
}
