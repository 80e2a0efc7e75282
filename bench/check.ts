import type { Command } from "commander";
import { readFileSync, writeFileSync } from "node:fs";
import { z } from "zod";
import { print } from "../cli/interruption.ts";
import { readResults, type Results } from "./results.ts";
import { median } from "./statistics.ts";

const BASELINE = new URL("./baseline.json", import.meta.url);
/** So much more than the baseline is no regression, whatever the rounds say. */
const TOLERANCE = 0.25;

const ratioSchema = z.strictObject({
  /** Our row. */
  row: z.string(),
  /** What it is compared with, measured in the same rounds. */
  of: z.string(),
  /** Our time as a multiple of theirs: the median of the rounds. */
  ratio: z.number().positive(),
  /** How far the rounds lie apart, as a part of it. */
  spread: z.number().nonnegative(),
});

const baselineSchema = z.strictObject({
  version: z.literal(1),
  /** When its run began. */
  when: z.iso.datetime(),
  machine: z.string(),
  ratios: z.array(ratioSchema),
});

/** Our time as a multiple of a rival's. */
export type Ratio = z.infer<typeof ratioSchema>;
/** What later runs are held against. */
export type Baseline = z.infer<typeof baselineSchema>;

/** A ratio that has grown beyond noise. */
export interface Regression {
  readonly row: string;
  readonly of: string;
  readonly before: number;
  readonly after: number;
  /** What would still have been noise. */
  readonly limit: number;
}

/** The ratios of a run: of each row that a claim compares with another. */
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

/** The ratios that are worse than in the baseline by more than either spread. */
export function regressionsOf(baseline: Baseline, results: Results): Regression[] {
  const known = new Map(baseline.ratios.map((one) => [`${one.row} ${one.of}`, one]));
  return ratiosOf(results).flatMap(({ row, of, ratio, spread }) => {
    const before = known.get(`${row} ${of}`);
    if (before === undefined) return [];
    const limit = before.ratio * (1 + Math.max(TOLERANCE, before.spread, spread));
    return ratio > limit ? [{ row, of, before: before.ratio, after: ratio, limit }] : [];
  });
}

/** The baseline that a run would be. */
export function baselineOf(results: Results): Baseline {
  const { cpu, cores, platform, kernel } = results.machine;
  return {
    version: 1,
    when: results.when,
    machine: `${cores} x ${cpu}, ${platform} ${kernel}`,
    ratios: ratiosOf(results),
  };
}

/** Adds `bench check`. */
export function addCheck(program: Command): void {
  program.command("check")
    .description(
      "fail if a run is slower against its rivals than the baseline: ratios, never times",
    )
    .argument("<results>", "a file of bench/results")
    .option("--accept", "make the run the baseline")
    .action(async (file: string, { accept }: { accept?: true }) => {
      const results = readResults(file);
      if (accept) {
        writeFileSync(BASELINE, `${JSON.stringify(baselineOf(results), null, 1)}\n`);
        return;
      }
      const baseline = baselineSchema.parse(JSON.parse(readFileSync(BASELINE, "utf8")));
      const regressions = regressionsOf(baseline, results);
      const compared = new Set(baseline.ratios.map(({ row, of }) => `${row} ${of}`));
      const common = ratiosOf(results).filter(({ row, of }) => compared.has(`${row} ${of}`));
      for (const { row, of, before, after, limit } of regressions) {
        await print(
          `${row}: ${after.toFixed(2)} times ${of}; it was ${before.toFixed(2)}, and up to ` +
            `${limit.toFixed(2)} is noise`,
        );
      }
      await print(
        `${regressions.length} of ${common.length} ratios are worse than in the baseline`,
      );
      if (common.length === 0) {
        throw new Error("Cannot check: the run has no ratio of the baseline");
      }
      if (regressions.length > 0) throw new Error("It became slower against its rivals");
    });
}
