import Table from "cli-table3";
import colors from "picocolors";
import type { Results, Row, Verdict } from "./results.ts";

const STYLE = { head: [], border: [], compact: true };
const RUNTIMES = ["deno", "bun", "node", "mixed"] as const;

/** A time as people read it, with three digits that count: `4.58 ns`, `16.4 µs`. */
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

/** A table a subject: a line an operation and number, a column a runtime, others at the end. */
export function rowTables({ rows }: Results): string {
  const subjects = Map.groupBy(rows, ({ subject }) => subject);
  return [...subjects].map(([subject, rows]) => `${subject}\n${tableOf(rows)}`).join("\n\n");
}

function tableOf(rows: readonly Row[]): string {
  const table = new Table({
    head: ["operation", "medium", "by", ...RUNTIMES, "others"],
    colAligns: ["left", "left", "left", "right", "right", "right", "right", "left"],
    style: STYLE,
  });
  const lines = Map.groupBy(rows, ({ operation, medium, setting, count }) => {
    const by = setting === "alone" ? "one" : `${count} ${setting}`;
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

/** The claims and what the run says about them. */
export function goalsTable({ goals }: Results): string {
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

/** What this machine lacks, and what to do about it. */
export function missingList({ missing }: Results): string {
  return missing.map(({ what, todo }) => colors.yellow(`MISSING: ${what}; ${todo}`)).join("\n");
}
