import type { TopLevelSpec } from "vega-lite";
import type { Results, Row } from "../../results.ts";
import type { Look } from "../charts/chart.ts";
import type { Dot, DotRow } from "../charts/dots.ts";
import {
  duration,
  geometricMean,
  type RowFilter,
  rowsOf,
  RUNTIMES,
  SERIES_NAMES,
  seriesOf,
} from "../figures.ts";

/** A table behind a chart. */
export interface Table {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** The answer of the report to a question of users. */
export interface Answer {
  readonly id: string;
  readonly question: string;
  /** The answer in a sentence or two; the main figures are between `**`. */
  readonly answer: string;
  /** How to read the chart. */
  readonly reading: string;
  /** Draws the chart; missing if the results lack the figures for it. */
  readonly draw?: (look: Look) => TopLevelSpec;
  /** Draws the main rows only, for README.md; if missing, README.md shows the whole chart. */
  readonly front?: (look: Look) => TopLevelSpec;
  readonly table: Table;
}

/** Something that is measured in each runtime, under the name that users know. */
export interface Entry {
  readonly label: string;
  readonly note?: string;
  readonly wanted: RowFilter;
}

/** The row of an entry in one runtime. */
export function rowIn(
  results: Pick<Results, "rows">,
  { wanted }: Pick<Entry, "wanted">,
  runtime: string,
): Row | undefined {
  return rowsOf(results, { by: "interlock", ...wanted, runtime: runtime as Row["runtime"] })[0];
}

/** The rows of an entry, in the order of the runtimes. */
export function rowsIn(results: Pick<Results, "rows">, entry: Pick<Entry, "wanted">): Row[] {
  return RUNTIMES.flatMap((runtime) => rowIn(results, entry, runtime) ?? []);
}

/** The point of a row. */
export function dotOf(row: Row, name = SERIES_NAMES[seriesOf(row)]): Dot {
  return { series: seriesOf(row), name, value: row.median, least: row.least, most: row.most };
}

/** The entries that were measured, each with a point per runtime. */
export function dotRows(results: Pick<Results, "rows">, entries: readonly Entry[]): DotRow[] {
  return entries.flatMap((entry) => {
    const dots = rowsIn(results, entry).map((row) => dotOf(row));
    return dots.length === 0 ? [] : [{ label: entry.label, note: entry.note, dots }];
  });
}

/** The table of entries: a line per entry, a column per runtime. */
export function tableOf(results: Pick<Results, "rows">, entries: readonly Entry[]): Table {
  return {
    head: ["", ...RUNTIMES.map((runtime) => SERIES_NAMES[runtime]), "least to most"],
    rows: entries.flatMap((entry) => {
      const rows = rowsIn(results, entry);
      if (rows.length === 0) return [];
      const least = Math.min(...rows.map((row) => row.least));
      const most = Math.max(...rows.map((row) => row.most));
      return [[
        entry.note === undefined ? entry.label : `${entry.label} (${entry.note})`,
        ...RUNTIMES.map((runtime) => {
          const row = rowIn(results, entry, runtime);
          return row === undefined ? "–" : duration(row.median);
        }),
        `${duration(least)} to ${duration(most)}`,
      ]];
    }),
  };
}

/** How many times as long one takes as the other, in each runtime that has both. */
export function ratios(
  results: Pick<Results, "rows">,
  one: RowFilter,
  other: RowFilter,
): { readonly runtime: typeof RUNTIMES[number]; readonly ratio: number }[] {
  return RUNTIMES.flatMap((runtime) => {
    const [a, b] = [one, other].map((wanted) => rowIn(results, { wanted }, runtime));
    return a === undefined || b === undefined || b.median === 0
      ? []
      : [{ runtime, ratio: a.median / b.median }];
  });
}

/** The mean of these ratios over the runtimes; `undefined` if none has both. */
export function meanRatio(
  results: Pick<Results, "rows">,
  one: RowFilter,
  other: RowFilter,
): number | undefined {
  const all = ratios(results, one, other);
  return all.length === 0 ? undefined : geometricMean(all.map(({ ratio }) => ratio));
}

/** From the fastest to the slowest runtime: `4.2 to 4.8 ns`. */
export function span(rows: readonly Row[]): string {
  const least = duration(Math.min(...rows.map(({ median }) => median)));
  const most = duration(Math.max(...rows.map(({ median }) => median)));
  if (least === most) return least;
  const [value, unit] = least.split(" ");
  return most.endsWith(` ${unit}`) ? `${value} to ${most}` : `${least} to ${most}`;
}

/** The answer if the results lack the figures for a question. */
export function unanswered(what: string): string {
  return `This run has no figures of ${what}.`;
}
