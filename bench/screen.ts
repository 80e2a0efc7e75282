import CliTable from "cli-table3";
import colors from "../src/host/colors.ts";
import { progressBar } from "../src/host/progress.ts";
import type { Table } from "./report/answer.ts";
import { duration } from "./report/figures.ts";
import { goals } from "./report/goals.ts";
import { membersOf, type Results, type Row, rowId } from "./results.ts";
import type { Observer } from "./rounds.ts";

const RUNTIMES = ["deno", "bun", "node", "mixed"] as const;

/** Formats minutes and seconds: `4:05`. */
export function clock(ms: number): string {
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

/** A progress bar with the time left; `planned` in milliseconds. */
export function progressOf(planned: number): Observer & { stop(): void } {
  const bar = progressBar("{bar} {percentage}%, {eta_formatted} left  {what}");
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

/** Formats a table for the terminal: figures are at the right, long words are wrapped. */
export function tableOf({ head, rows }: Table, colWidths: (number | null)[] = []): string {
  const table = new CliTable({
    head: [...head],
    colAligns: head.map((_, i) => i === 0 ? "left" : "right"),
    colWidths,
    wordWrap: true,
    style: { head: [], border: [], compact: true },
  });
  table.push(...rows.map((cells) => cells.map((text) => text.replaceAll("**", ""))));
  return table.toString();
}

/** A table of a subject: a line per operation and number, a column per runtime, then others. */
function figuresOf(rows: readonly Row[]): string {
  const lines = Map.groupBy(rows, (row) => {
    const medium = row.medium === "none" ? "" : row.medium;
    return JSON.stringify([row.operation, medium, membersOf(row)]);
  });
  const head = ["operation", "medium", "by", ...RUNTIMES, "others"];
  return tableOf({
    head,
    rows: [...lines].map(([line, rows]) => [
      ...JSON.parse(line) as string[],
      ...RUNTIMES.map((name) => {
        const row = rows.find(({ by, runtime }) => by === "interlock" && runtime === name);
        return row === undefined ? "" : duration(row.median);
      }),
      rows.filter(({ by }) => by !== "interlock").map(({ by, runtime, median }) =>
        `${by}${runtime === undefined ? "" : ` (${runtime})`} ${duration(median)}`
      ).join(", "),
    ]),
  }, [...Array(head.length - 1).fill(null), 40]);
}

/** Formats all results of a run, with what was not measured and what to do about it. */
export function summaryOf(results: Results): string {
  const { rows, missing, rounds, machine: { noise, load } } = results;
  const spread = rounds === 1
    ? "One round does not show the noise"
    : `The median spread of a row over ${rounds} rounds is ${(noise * 100).toFixed(1)}%`;
  const { answer, table } = goals(results);
  return [
    ...[...Map.groupBy(rows, ({ subject }) => subject)]
      .map(([subject, rows]) => `${subject}\n${figuresOf(rows)}`),
    table.rows.length > 0 &&
    `goals\n${tableOf(table, [60, null, 60])}\n${answer.replaceAll("**", "")}`,
    missing.map(({ what, todo }) => colors.yellow(`MISSING: ${what}; ${todo}`)).join("\n"),
    `${spread}; the load average was ${load.before.toFixed(2)} at the start.`,
  ].filter(Boolean).join("\n\n");
}
