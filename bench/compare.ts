/**
 * Compares figures before and after: `bench compare` the times of two runs, `bench check` the ratios
 * to rivals with those of the committed baseline, which hold on another machine too.
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
import { formatResults, readResults, type Results } from "./results.ts";
import { formatTime, TABLE_STYLE } from "./screen.ts";
import { median, spreadOf } from "./statistics.ts";

const RESULTS = new URL("./results/", import.meta.url);
const BASELINE = new URL("./baseline.json", import.meta.url);
/** A smaller change is always noise; one round alone does not show the noise. */
const LEAST = 0.05;
const LEAST_OF_ONE = 0.3;
/** The same for a ratio. */
const LEAST_OF_RATIOS = 0.25;

const figureSchema = z.object({ id: z.string(), rounds: z.array(z.number()).min(1) });
const baselineSchema = z.strictObject({
  version: z.literal(2),
  /** When its run began. */
  when: z.iso.datetime(),
  machine: z.string(),
  /** Our times divided by a rival's in the same round, by the ids of the two rows. */
  ratios: z.array(figureSchema),
});

/** A figure of each round. */
export type Figure = z.infer<typeof figureSchema>;
/** The ratios to which those of later runs are compared. */
export type Baseline = z.infer<typeof baselineSchema>;

/** A figure that both have. */
export interface Change {
  readonly id: string;
  readonly before: number;
  readonly after: number;
  /** The second divided by the first. */
  readonly ratio: number;
  /** The distance from 1 up to which a ratio is noise. */
  readonly noise: number;
  readonly verdict: "faster" | "slower" | "same";
}

/** The changes of the figures that both have, and the figures that only one has. */
export interface Comparison {
  readonly changes: readonly Change[];
  readonly onlyBefore: readonly string[];
  readonly onlyAfter: readonly string[];
}

/**
 * Compares figures. One has changed if the ranges of the rounds do not touch and the medians differ
 * by more than the spread of either and `least`.
 */
export function compareFigures(
  before: readonly Figure[],
  after: readonly Figure[],
  least: number,
): Comparison {
  const old = new Map(before.map((one) => [one.id, one]));
  const now = new Set(after.map(({ id }) => id));
  return {
    changes: after.flatMap((one) => {
      const was = old.get(one.id);
      return was === undefined ? [] : [changeOf(was, one, least)];
    }),
    onlyBefore: before.map(({ id }) => id).filter((id) => !now.has(id)),
    onlyAfter: after.map(({ id }) => id).filter((id) => !old.has(id)),
  };
}

function changeOf(was: Figure, one: Figure, least: number): Change {
  const [before, after] = [median(was.rounds), median(one.rounds)];
  const ratio = after / before;
  const noise = Math.max(least, spreadOf(was), spreadOf(one));
  const apart = Math.min(...one.rounds) > Math.max(...was.rounds) ||
    Math.max(...one.rounds) < Math.min(...was.rounds);
  const isChange = apart && Math.max(ratio, 1 / ratio) > 1 + noise;
  const verdict = !isChange ? "same" : ratio > 1 ? "slower" : "faster";
  return { id: one.id, before, after, ratio, noise, verdict };
}

/** Compares two runs row by row; a change must exceed the noise of either run. */
export function compareResults(before: Results, after: Results): Comparison {
  const least = Math.min(before.rounds, after.rounds) === 1 ? LEAST_OF_ONE : LEAST;
  const noise = Math.max(least, before.machine.noise, after.machine.noise);
  return compareFigures(before.rows, after.rows, noise);
}

/** The ratios of a run, for each row that a claim compares with another. */
export function ratiosOf({ rows, goals }: Results): Figure[] {
  const byId = new Map(rows.map((row) => [row.id, row.rounds]));
  const pairs = new Map(
    goals.flatMap(({ row, of }) => of === undefined ? [] : [[`${row} : ${of}`, { row, of }]]),
  );
  return [...pairs].map(([id, { row, of }]) => {
    const theirs = byId.get(of)!;
    return { id, rounds: byId.get(row)!.map((ns, i) => ns / theirs[i]) };
  });
}

/** Makes a baseline of a run. */
export function baselineOf(results: Results): Baseline {
  const { cpu, cores, platform, kernel } = results.machine;
  const machine = `${cores} x ${cpu}, ${platform} ${kernel}`;
  return { version: 2, when: results.when, machine, ratios: ratiosOf(results) };
}

/** Compares the ratios that a run has with the baseline's. */
export function checkRatios({ ratios }: Baseline, results: Results): Comparison {
  return compareFigures(ratios, ratiosOf(results), LEAST_OF_RATIOS);
}

/** Formats a comparison, the greatest changes first. */
export function describeComparison(
  { changes, onlyBefore, onlyAfter }: Comparison,
  format: (figure: number) => string = formatTime,
): string {
  const of = (verdict: Change["verdict"]) => changes.filter((one) => one.verdict === verdict);
  const slower = of("slower").sort((a, b) => b.ratio - a.ratio);
  const faster = of("faster").sort((a, b) => a.ratio - b.ratio);
  const table = (changes: readonly Change[]) => {
    const table = new Table({
      head: ["row", "before", "after", "ratio", "noise"],
      colAligns: ["left", "right", "right", "right", "right"],
      style: TABLE_STYLE,
    });
    table.push(...changes.map(({ id, before, after, ratio, noise }) => {
      const figures = [format(before), format(after), `${ratio.toFixed(2)} x`];
      return [id, ...figures, `${(noise * 100).toFixed(0)}%`];
    }));
    return table.toString();
  };
  return [
    slower.length > 0 && `${colors.red("slower")}\n${table(slower)}`,
    faster.length > 0 && `${colors.green("faster")}\n${table(faster)}`,
    onlyBefore.length > 0 && `Only in the first:\n  ${onlyBefore.join("\n  ")}`,
    onlyAfter.length > 0 && `Only in the second:\n  ${onlyAfter.join("\n  ")}`,
    `${slower.length} slower, ${faster.length} faster, ${of("same").length} the same within noise`,
  ].filter(Boolean).join("\n\n");
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
  const { changes } = checkRatios(baseline, results);
  if (changes.length === 0) {
    throw new Error("Cannot check: the run and the baseline have no ratio in common");
  }
  const common = { changes, onlyBefore: [], onlyAfter: [] };
  await print(describeComparison(common, (ratio) => ratio.toFixed(2)));
  if (changes.some(({ verdict }) => verdict === "slower")) {
    throw new Error("Slower than the baseline");
  }
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
      if (accept) writeFileSync(BASELINE, formatResults(baselineOf(results)));
      else await check(results);
    });
}
