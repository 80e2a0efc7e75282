import Table from "cli-table3";
import colors from "picocolors";
import { membersOf, type Results, type Row, type Verdict } from "./results.ts";

const STYLE = { head: [], border: [], compact: true };
const OTHERS_WIDTH = 40;
const RUNTIMES = ["deno", "bun", "node", "mixed"] as const;

/** Formats a time with three significant digits: `4.58 ns`, `16.4 µs`. */
export function formatTime(ns: number): string {
  const [value, unit] = ns < 1e3
    ? [ns, "ns"]
    : ns < 1e6
    ? [ns / 1e3, "µs"]
    : ns < 1e9
    ? [ns / 1e6, "ms"]
    : [ns / 1e9, "s"];
  return `${formatNumber(value)} ${unit}`;
}

function formatNumber(value: number): string {
  const digits = value < 10 ? 2 : value < 100 ? 1 : 0;
  return value.toLocaleString("en", {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

/** A table per subject: a line per operation and number, a column per runtime, then others. */
function rowTables({ rows }: Results): string {
  const subjects = Map.groupBy(rows, ({ subject }) => subject);
  return [...subjects].map(([subject, rows]) => `${subject}\n${tableOf(rows)}`).join("\n\n");
}

function tableOf(rows: readonly Row[]): string {
  const table = new Table({
    head: ["operation", "medium", "by", ...RUNTIMES, "others"],
    colAligns: ["left", "left", "left", "right", "right", "right", "right", "left"],
    colWidths: [...Array(7).fill(null), OTHERS_WIDTH],
    wordWrap: true,
    style: STYLE,
  });
  const lines = Map.groupBy(rows, ({ operation, medium, setting, count }) => {
    const by = membersOf({ setting, count });
    return JSON.stringify([operation, medium === "none" ? "" : medium, by]);
  });
  for (const [line, rows] of lines) {
    const ours = (name: string) =>
      rows.find(({ by, runtime }) => by === "interlock" && runtime === name);
    const others = rows.filter(({ by }) => by !== "interlock");
    table.push([
      ...JSON.parse(line) as string[],
      ...RUNTIMES.map((name) => {
        const row = ours(name);
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
    style: STYLE,
  });
  for (const verdict of goals) {
    table.push([
      verdict.claim,
      verdict.row,
      ...limitOf(verdict),
      verdict.met ? colors.green("met") : colors.red("NOT MET"),
    ]);
  }
  return table.toString();
}

function limitOf({ kind, goal, measured }: Verdict): [string, string] {
  switch (kind) {
    case "at most ns":
      return [formatTime(goal), formatTime(measured)];
    case "at most times":
      return [`${goal} x`, `${measured.toFixed(2)} x`];
    case "at least times faster":
      return [`${goal} x faster`, `${formatNumber(measured)} x`];
  }
}

/** What was not measured, and what to do about it. */
function missingList({ missing }: Results): string {
  return missing.map(({ what, todo }) => colors.yellow(`MISSING: ${what}; ${todo}`)).join("\n");
}

/** Formats all results of a run. */
export function summaryOf(results: Results): string {
  const { goals } = results;
  return [
    rowTables(results),
    ...goals.length === 0 ? [] : [
      `goals\n${goalsTable(results)}`,
      `${goals.filter(({ met }) => met).length} of ${goals.length} goals met`,
    ],
    missingList(results),
    noiseOf(results),
  ].filter(Boolean).join("\n\n");
}

function noiseOf({ rounds, machine: { noise, load } }: Results): string {
  const spread = rounds === 1
    ? "One round does not show the noise"
    : `The median spread of a row over ${rounds} rounds is ${(noise * 100).toFixed(1)}%`;
  return `${spread}; the load average was ${load.before.toFixed(2)} at the start.`;
}
