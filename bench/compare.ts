/**
 * Compares figures before and after: `bench compare` the times of two runs, `bench check` the ratios
 * to rivals with those of the committed baseline, which hold on another machine too.
 *
 * @module
 */
import type { Command } from "commander";
import { readFileSync, writeFileSync } from "node:fs";
import colors from "../src/host/colors.ts";
import { z } from "zod";
import { print } from "../src/host/interruption.ts";
import { UsageError } from "../src/host/usage_error.ts";
import { duration } from "./report/figures.ts";
import {
  formatResults,
  newest,
  readResults,
  type Results,
  type Row,
  rowSchema,
} from "./results.ts";
import { tableOf } from "./screen.ts";
import { median, spreadOf } from "./statistics.ts";

const BASELINE = new URL("./baseline.json", import.meta.url);
/** A smaller change is always noise; one round alone does not show the noise. */
const LEAST = 0.05;
const LEAST_OF_ONE = 0.3;
/** The same for a ratio. */
const LEAST_OF_RATIOS = 0.25;

/** Our times divided by a rival's in the same round, by the ids of the two rows. */
const baselineSchema = z.object({
  ratios: z.array(rowSchema.pick({ id: true, rounds: true })),
});

/** A figure in each round. */
export type Rounds = Pick<Row, "id" | "rounds">;

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
function compareFigures(
  before: readonly Rounds[],
  after: readonly Rounds[],
  least: number,
): Comparison {
  const [old, now] = [before, after].map((all) => new Map(all.map((one) => [one.id, one])));
  const both = after.filter(({ id }) => old.has(id));
  return {
    changes: both.map((one) => changeOf(old.get(one.id)!, one, least)),
    onlyBefore: [...old.keys()].filter((id) => !now.has(id)),
    onlyAfter: [...now.keys()].filter((id) => !old.has(id)),
  };
}

function changeOf(was: Rounds, { id, rounds }: Rounds, least: number): Change {
  const [before, after] = [median(was.rounds), median(rounds)];
  const ratio = after / before;
  const noise = Math.max(least, spreadOf(was), spreadOf({ rounds }));
  const isApart = Math.min(...rounds) > Math.max(...was.rounds) ||
    Math.max(...rounds) < Math.min(...was.rounds);
  const isChange = isApart && Math.max(ratio, 1 / ratio) > 1 + noise;
  const verdict = !isChange ? "same" : ratio > 1 ? "slower" : "faster";
  return { id, before, after, ratio, noise, verdict };
}

/** Compares two runs row by row; a change must exceed the noise of either run. */
export function compareResults(before: Results, after: Results): Comparison {
  const least = Math.min(before.rounds, after.rounds) === 1 ? LEAST_OF_ONE : LEAST;
  const noise = Math.max(least, before.machine.noise, after.machine.noise);
  return compareFigures(before.rows, after.rows, noise);
}

/** The ratios of a run, for each row that a claim compares with another. */
export function ratiosOf({ rows, goals }: Results): Rounds[] {
  const byId = new Map(rows.map((row) => [row.id, row.rounds]));
  const pairs = new Map(
    goals.flatMap(({ row, of }) => of === undefined ? [] : [[`${row} : ${of}`, { row, of }]]),
  );
  return [...pairs].map(([id, { row, of }]) => {
    const theirs = byId.get(of)!;
    return { id, rounds: byId.get(row)!.map((ns, i) => ns / theirs[i]) };
  });
}

/** Compares the ratios that a run has with the baseline's. */
export function checkRatios(ratios: readonly Rounds[], results: Results): Comparison {
  const { changes } = compareFigures(ratios, ratiosOf(results), LEAST_OF_RATIOS);
  return { changes, onlyBefore: [], onlyAfter: [] };
}

/** Formats a comparison: what has changed, the worst first. */
export function describeComparison(
  { changes, onlyBefore, onlyAfter }: Comparison,
  format: (figure: number) => string = duration,
): string {
  const changed = changes.filter(({ verdict }) => verdict !== "same");
  const table = tableOf({
    head: ["row", "before", "after", "ratio", "noise", ""],
    rows: changed.sort((a, b) => b.ratio - a.ratio).map(
      ({ id, before, after, ratio, noise, verdict }) => {
        const colour = verdict === "slower" ? colors.red : colors.green;
        const figures = [format(before), format(after), `${ratio.toFixed(2)} x`];
        return [id, ...figures, `${(noise * 100).toFixed(0)}%`, colour(verdict)];
      },
    ),
  });
  const count = (wanted: string) => changes.filter(({ verdict }) => verdict === wanted).length;
  return [
    changed.length > 0 && table,
    onlyBefore.length > 0 && `Only in the first:\n  ${onlyBefore.join("\n  ")}`,
    onlyAfter.length > 0 && `Only in the second:\n  ${onlyAfter.join("\n  ")}`,
    `${count("slower")} slower, ${count("faster")} faster, ${count("same")} the same within noise`,
  ].filter(Boolean).join("\n\n");
}

async function check(file: string | undefined, { accept }: { accept?: true }): Promise<void> {
  const results = file === undefined ? newest(() => true)?.results : readResults(file);
  if (results === undefined) {
    throw new UsageError("Cannot check: there are no results; run `deno task bench` first");
  }
  if (accept) {
    const { when, machine: { cpu, cores } } = results;
    const ratios = ratiosOf(results);
    return writeFileSync(BASELINE, formatResults({ when, machine: { cpu, cores }, ratios }));
  }
  const { ratios } = baselineSchema.parse(JSON.parse(readFileSync(BASELINE, "utf8")));
  const comparison = checkRatios(ratios, results);
  if (comparison.changes.length === 0) {
    throw new Error("Cannot check: the run and the baseline have no ratio in common");
  }
  await print(describeComparison(comparison, (ratio) => ratio.toFixed(2)));
  if (comparison.changes.some(({ verdict }) => verdict === "slower")) {
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
    .action(check);
}
