/**
 * Compares runs: `bench compare`, row by row with another run, and `bench check`, by the ratios to
 * rivals with the committed baseline, which holds on another machine too.
 *
 * @module
 */
import Table from "cli-table3";
import type { Command } from "commander";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import colors from "picocolors";
import { z } from "zod";
import { print } from "../src/host/interruption.ts";
import { UsageError } from "../src/host/usage_error.ts";
import { readResults, type Results, type Row } from "./results.ts";
import { formatTime, TABLE_STYLE } from "./screen.ts";
import { median, spreadOf } from "./statistics.ts";

const RESULTS = new URL("./results/", import.meta.url);
const BASELINE = new URL("./baseline.json", import.meta.url);
/** A smaller change is always noise; one round alone does not show the noise. */
const LEAST = 0.05;
const LEAST_OF_ONE = 0.3;
/** An increase of a ratio up to this is never a regression. */
const TOLERANCE = 0.25;

/** A row that two runs have. */
export interface Change {
  readonly id: string;
  readonly before: Row;
  readonly after: Row;
  /** The second time divided by the first. */
  readonly ratio: number;
  /** The distance from 1 up to which a ratio is noise. */
  readonly noise: number;
  readonly verdict: "faster" | "slower" | "same";
}

/** The changes of the rows that two runs have, and the rows that only one has. */
export interface Comparison {
  readonly changes: readonly Change[];
  readonly onlyBefore: readonly string[];
  readonly onlyAfter: readonly string[];
}

/**
 * Compares two runs row by row. A row has changed if the ranges of the rounds do not touch and the
 * medians differ by more than the spread of either row and the noise of either run.
 */
export function compareResults(before: Results, after: Results): Comparison {
  const old = new Map(before.rows.map((row) => [row.id, row]));
  const now = new Set(after.rows.map(({ id }) => id));
  const least = Math.min(before.rounds, after.rounds) === 1 ? LEAST_OF_ONE : LEAST;
  const floor = Math.max(least, before.machine.noise, after.machine.noise);
  return {
    changes: after.rows.flatMap((row) => {
      const was = old.get(row.id);
      return was === undefined ? [] : [changeOf(was, row, floor)];
    }),
    onlyBefore: before.rows.map(({ id }) => id).filter((id) => !now.has(id)),
    onlyAfter: after.rows.map(({ id }) => id).filter((id) => !old.has(id)),
  };
}

function changeOf(before: Row, after: Row, floor: number): Change {
  const ratio = after.median / before.median;
  const noise = Math.max(floor, spreadOf(before), spreadOf(after));
  const apart = after.least > before.most || after.most < before.least;
  const isChange = apart && Math.max(ratio, 1 / ratio) > 1 + noise;
  const verdict = !isChange ? "same" : ratio > 1 ? "slower" : "faster";
  return { id: after.id, before, after, ratio, noise, verdict };
}

/** Formats a comparison. */
export function describeComparison({ changes, onlyBefore, onlyAfter }: Comparison): string {
  const of = (verdict: Change["verdict"]) => changes.filter((one) => one.verdict === verdict);
  const slower = of("slower").sort((a, b) => b.ratio - a.ratio);
  const faster = of("faster").sort((a, b) => a.ratio - b.ratio);
  return [
    slower.length > 0 && `${colors.red("slower")}\n${changesTable(slower)}`,
    faster.length > 0 && `${colors.green("faster")}\n${changesTable(faster)}`,
    onlyBefore.length > 0 && `Only in the first:\n  ${onlyBefore.join("\n  ")}`,
    onlyAfter.length > 0 && `Only in the second:\n  ${onlyAfter.join("\n  ")}`,
    `${slower.length} slower, ${faster.length} faster, ${of("same").length} the same within noise`,
  ].filter(Boolean).join("\n\n");
}

function changesTable(changes: readonly Change[]): string {
  const table = new Table({
    head: ["row", "before", "after", "ratio", "noise"],
    colAligns: ["left", "right", "right", "right", "right"],
    style: TABLE_STYLE,
  });
  table.push(...changes.map(({ id, before, after, ratio, noise }) => [
    id,
    formatTime(before.median),
    formatTime(after.median),
    `${ratio.toFixed(2)} x`,
    `${(noise * 100).toFixed(0)}%`,
  ]));
  return table.toString();
}

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

/** A ratio that both have; `worse` if it has grown by more than noise. */
export interface Compared extends Omit<Ratio, "spread"> {
  readonly before: number;
  /** The largest ratio that would be noise. */
  readonly limit: number;
  readonly worse: boolean;
}

/** The ratios of a run, for each row that a claim compares with another. */
export function ratiosOf({ rows, goals }: Results): Ratio[] {
  const byId = new Map(rows.map((row) => [row.id, row.rounds]));
  const pairs = new Map(goals.map(({ row, of }) => [`${row} ${of}`, { row, of }]));
  return [...pairs.values()].flatMap(({ row, of }) => {
    if (of === undefined) return [];
    const theirs = byId.get(of)!;
    const rounds = byId.get(row)!.map((ns, i) => ns / theirs[i]);
    return [{ row, of, ratio: median(rounds), spread: spreadOf({ rounds }) }];
  });
}

/** Compares the ratios of a run with the baseline; a growth within either spread is noise. */
export function checkRatios(baseline: Baseline, results: Results): Compared[] {
  const known = new Map(baseline.ratios.map((one) => [`${one.row} ${one.of}`, one]));
  return ratiosOf(results).flatMap(({ row, of, ratio, spread }) => {
    const before = known.get(`${row} ${of}`);
    if (before === undefined) return [];
    const limit = before.ratio * (1 + Math.max(TOLERANCE, before.spread, spread));
    return [{ row, of, before: before.ratio, ratio, limit, worse: ratio > limit }];
  });
}

/** Makes a baseline of a run. */
export function baselineOf(results: Results): Baseline {
  const { cpu, cores, platform, kernel } = results.machine;
  const machine = `${cores} x ${cpu}, ${platform} ${kernel}`;
  return { version: 1, when: results.when, machine, ratios: ratiosOf(results) };
}

/** The file of the last run. */
function lastResults(): URL {
  const last = readdirSync(RESULTS).filter((name) => name.startsWith("bench-")).sort().at(-1);
  if (last !== undefined) return new URL(last, RESULTS);
  throw new UsageError("Cannot check: there are no results; run `deno task bench` first");
}

async function check(results: Results): Promise<void> {
  if (!existsSync(BASELINE)) {
    throw new UsageError("Cannot check: there is no bench/baseline.json; make it with --accept");
  }
  const baseline = baselineSchema.parse(JSON.parse(readFileSync(BASELINE, "utf8")));
  const common = checkRatios(baseline, results);
  const worse = common.filter(({ worse }) => worse);
  for (const { row, of, before, ratio, limit } of worse) {
    await print(
      `${row}: ${ratio.toFixed(2)} times ${of}; the baseline is ${before.toFixed(2)}, ` +
        `noise up to ${limit.toFixed(2)}`,
    );
  }
  await print(`${worse.length} of ${common.length} ratios are worse than in the baseline`);
  if (common.length === 0) {
    throw new Error("Cannot check: the run and the baseline have no ratio in common");
  }
  if (worse.length > 0) throw new Error("Slower than the baseline");
}

/** Adds `bench compare` and `bench check`. */
export function addCompare(program: Command): void {
  program.command("compare")
    .description("show which rows became faster or slower between two runs, by more than noise")
    .argument("<before>", "file of the first run, in bench/results")
    .argument("<after>", "file of the second run")
    .action(async (before: string, after: string) => {
      await print(describeComparison(compareResults(readResults(before), readResults(after))));
    });
  program.command("check")
    .description("compare a run's ratios to its rivals with the baseline; fail if they are worse")
    .argument("[results]", "file in bench/results (default: the last)")
    .option("--accept", "make the run the baseline")
    .action(async (file: string | undefined, { accept }: { accept?: true }) => {
      const results = readResults(file ?? lastResults());
      if (!accept) return await check(results);
      writeFileSync(BASELINE, `${JSON.stringify(baselineOf(results), null, 1)}\n`);
    });
}
