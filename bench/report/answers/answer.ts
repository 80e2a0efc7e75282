import type { Results, Row } from "../../results.ts";
import { type Chart, type Dot, type DotRow, written } from "../charts/chart.ts";
import { multiple, range, type RowFilter, rowsOf, RUNTIMES, SERIES_NAMES } from "../figures.ts";
import { NAMES } from "../names.ts";

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
  readonly reading?: string;
  /** Missing if the results lack the figures for it. */
  readonly chart?: Chart;
  /** The main rows only, for README.md and paper. Default: the whole chart. */
  readonly main?: Chart;
  readonly table: Table;
}

/** An operation that is measured in each runtime. */
export interface Entry {
  readonly label: string;
  readonly note?: string;
  readonly wanted: RowFilter;
}

/** Where the state of a subject is; that of the others is in mapped memory. */
const MEDIA: Readonly<Record<string, Row["medium"]>> = {
  file_lock: "file",
  file_counter: "file",
  redis: "redis",
};

/** The rows of Interlock for `subject/operation` by one undisturbed thread. */
export function alone(key: string): RowFilter {
  const [subject, operation] = key.split(/\/(.*)/s);
  const medium = MEDIA[subject] ?? "mapped";
  return { subject, operation, by: "interlock", medium, setting: "alone", count: 1 };
}

/** An operation with the name that users know. */
export function entry(key: keyof typeof NAMES, note?: string): Entry {
  return { label: NAMES[key], note, wanted: alone(key) };
}

/** A point for each runtime that has such a row. */
export function dotsOf(results: Pick<Results, "rows">, wanted: RowFilter): Dot[] {
  return RUNTIMES.flatMap((runtime) => {
    const [row] = rowsOf(results, { ...wanted, runtime });
    if (row === undefined) return [];
    return [{ name: SERIES_NAMES[runtime], value: row.median, least: row.least, most: row.most }];
  });
}

/** How many times as long one takes as the other, in each runtime that has both. */
export function ratiosOf(
  results: Pick<Results, "rows">,
  one: RowFilter,
  other: RowFilter,
): Dot[] {
  const others = new Map(dotsOf(results, other).map(({ name, value }) => [name, value]));
  return dotsOf(results, one).filter(({ name }) => others.get(name))
    .map(({ name, value }) => ({ name, value: value / others.get(name)! }));
}

/** From the least to the most of some points. */
export function rangeOf(dots: readonly Dot[], format = multiple): string {
  return range(dots.map(({ value }) => value), format);
}

/**
 * The chart and the table of the rows that have points: a line for each row, and a column for each
 * runtime. The summary of a row is by default the range of its points.
 */
export function comparison(
  unit: Chart["unit"],
  all: readonly DotRow[],
  { atOne, summary = "least to most", cells = "" }: Record<string, string | undefined> = {},
): Pick<Answer, "chart" | "table"> {
  const rows = all.filter(({ dots }) => dots.length > 0).map((row) => {
    const ends = row.dots.flatMap(({ value, least = value, most = value }) => [least, most]);
    return { aside: range(ends, (value) => written(value, unit)), ...row };
  });
  const names = RUNTIMES.map((runtime) => SERIES_NAMES[runtime]);
  const head = [cells, ...names, summary];
  const lines = rows.map(({ label, note, aside, dots }) => {
    const texts = new Map(
      dots.map(({ name, value, text }) => [name, text ?? written(value, unit)]),
    );
    const name = note === undefined ? label : `${label} (${note})`;
    return [name, ...names.map((name) => texts.get(name) ?? "–"), aside];
  });
  const chart = rows.length === 0 ? undefined : { unit, rows, atOne };
  return { chart, table: { head, rows: lines } };
}

/** Joins the sentences of an answer, or says that the results lack the figures. */
export function sentences(all: readonly (string | undefined | false)[], what: string): string {
  return all.filter(Boolean).join(" ") || `This run has no figures of ${what}.`;
}
