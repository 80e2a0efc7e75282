import Table from "cli-table3";
import type { Command } from "commander";
import colors from "picocolors";
import { print } from "../src/host/interruption.ts";
import { readResults, type Results, type Row } from "./results.ts";
import { formatTime } from "./screen.ts";
import { spreadOf } from "./statistics.ts";

/** A smaller change is always noise; one round alone does not show the noise. */
const LEAST = 0.05;
const LEAST_OF_ONE = 0.3;

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
  const of = (verdict: Change["verdict"]) =>
    changes.filter((change) => change.verdict === verdict).sort((a, b) => b.ratio - a.ratio);
  const [slower, faster] = [of("slower"), of("faster").reverse()];
  const only = (ids: readonly string[], which: string) =>
    ids.length === 0 ? [] : [`Only in the ${which}:\n  ${ids.join("\n  ")}`];
  return [
    ...slower.length === 0 ? [] : [`${colors.red("slower")}\n${changesTable(slower)}`],
    ...faster.length === 0 ? [] : [`${colors.green("faster")}\n${changesTable(faster)}`],
    ...only(onlyBefore, "first"),
    ...only(onlyAfter, "second"),
    `${slower.length} slower, ${faster.length} faster, ${of("same").length} the same within noise`,
  ].join("\n\n");
}

function changesTable(changes: readonly Change[]): string {
  const table = new Table({
    head: ["row", "before", "after", "ratio", "noise"],
    colAligns: ["left", "right", "right", "right", "right"],
    style: { head: [], border: [], compact: true },
  });
  for (const { id, before, after, ratio, noise } of changes) {
    table.push([
      id,
      formatTime(before.median),
      formatTime(after.median),
      `${ratio.toFixed(2)} x`,
      `${(noise * 100).toFixed(0)}%`,
    ]);
  }
  return table.toString();
}

/** Adds `bench compare`. */
export function addCompare(program: Command): void {
  program.command("compare")
    .description("show which rows became faster or slower between two runs, by more than noise")
    .argument("<before>", "file of the first run, in bench/results")
    .argument("<after>", "file of the second run")
    .action(async (before: string, after: string) => {
      const comparison = compareResults(readResults(before), readResults(after));
      await print(describeComparison(comparison));
    });
}
