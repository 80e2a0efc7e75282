import { SingleBar } from "cli-progress";
import Table from "cli-table3";
import process from "node:process";
import colors from "picocolors";
import { membersOf, type Results, type Row, rowId, type Verdict } from "./results.ts";
import type { Observer } from "./rounds.ts";

/** The style of all tables. */
export const TABLE_STYLE = { head: [], border: [], compact: true };
const RUNTIMES = ["deno", "bun", "node", "mixed"] as const;
const UNITS = ["ns", "µs", "ms", "s"];

/** Formats a time with three significant digits: `4.58 ns`, `16.4 µs`. */
export function formatTime(ns: number): string {
  const power = Math.max(Math.min(Math.floor(Math.log10(ns) / 3), 3), 0);
  return `${formatNumber(ns / 1000 ** power)} ${UNITS[power]}`;
}

function formatNumber(value: number): string {
  const digits = value < 10 ? 2 : value < 100 ? 1 : 0;
  return value.toLocaleString("en", {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

/** Formats minutes and seconds: `4:05`. */
export function clock(ms: number): string {
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

/** A progress bar with the time left, if the output is a terminal; `planned` in milliseconds. */
export function progressOf(planned: number): Observer & { stop(): void } {
  const bar = process.stderr.isTTY
    ? new SingleBar({
      format: "{bar} {percentage}%, {eta_formatted} left  {what}",
      stream: process.stderr,
      clearOnComplete: true,
      hideCursor: true,
    })
    : undefined;
  bar?.start(planned, 0, { what: "" });
  return {
    begins: ({ rows }) => {
      const what = rows.length === 1 ? rowId(rows[0]) : `${rows.length} rows, ${rowId(rows[0])}`;
      bar?.update({ what: what.slice(0, 60) });
    },
    ended: (ms) => bar?.increment(ms),
    stop: () => bar?.stop(),
  };
}

/** A table of a subject: a line per operation and number, a column per runtime, then others. */
function tableOf(rows: readonly Row[]): string {
  const table = new Table({
    head: ["operation", "medium", "by", ...RUNTIMES, "others"],
    colAligns: ["left", "left", "left", "right", "right", "right", "right", "left"],
    colWidths: [...Array(7).fill(null), 40],
    wordWrap: true,
    style: TABLE_STYLE,
  });
  const lines = Map.groupBy(rows, (row) => {
    const medium = row.medium === "none" ? "" : row.medium;
    return JSON.stringify([row.operation, medium, membersOf(row)]);
  });
  for (const [line, rows] of lines) {
    const { ours = [], others = [] } = Object.groupBy(
      rows,
      ({ by }) => by === "interlock" ? "ours" : "others",
    );
    table.push([
      ...JSON.parse(line) as string[],
      ...RUNTIMES.map((name) => {
        const row = ours.find(({ runtime }) => runtime === name);
        return row === undefined ? "" : formatTime(row.median);
      }),
      others.map(({ by, runtime, median }) =>
        `${by}${runtime === undefined ? "" : ` (${runtime})`} ${formatTime(median)}`
      ).join(", "),
    ]);
  }
  return table.toString();
}

/** The claims, and whether the run meets them. */
function goalsTable({ goals }: Results): string {
  const table = new Table({
    head: ["claim", "row", "goal", "measured", ""],
    colAligns: ["left", "left", "right", "right", "left"],
    colWidths: [50, 50],
    wordWrap: true,
    style: TABLE_STYLE,
  });
  table.push(...goals.map((verdict) => [
    verdict.claim,
    verdict.row,
    ...limitOf(verdict),
    verdict.met ? colors.green("met") : colors.red("NOT MET"),
  ]));
  return table.toString();
}

function limitOf({ kind, goal, measured }: Verdict): [string, string] {
  if (kind === "at most ns") return [formatTime(goal), formatTime(measured)];
  const faster = kind === "at least times faster" ? " faster" : "";
  return [`${goal} x${faster}`, `${formatNumber(measured)} x`];
}

/** Formats all results of a run, with what was not measured and what to do about it. */
export function summaryOf(results: Results): string {
  const { rows, goals, missing, rounds, machine: { noise, load } } = results;
  const spread = rounds === 1
    ? "One round does not show the noise"
    : `The median spread of a row over ${rounds} rounds is ${(noise * 100).toFixed(1)}%`;
  return [
    ...[...Map.groupBy(rows, ({ subject }) => subject)]
      .map(([subject, rows]) => `${subject}\n${tableOf(rows)}`),
    ...goals.length === 0 ? [] : [
      `goals\n${goalsTable(results)}`,
      `${goals.filter(({ met }) => met).length} of ${goals.length} goals met`,
    ],
    missing.map(({ what, todo }) => colors.yellow(`MISSING: ${what}; ${todo}`)).join("\n"),
    `${spread}; the load average was ${load.before.toFixed(2)} at the start.`,
  ].filter(Boolean).join("\n\n");
}
