import type { Results, Row } from "../../results.ts";
import { type Chart, type DotRow, written } from "../charts/chart.ts";
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

/** The rows of Interlock for `subject/operation` by one undisturbed thread. */
export function alone(key: string, medium: Row["medium"] = "mapped"): RowFilter {
  const [subject, operation] = key.split(/\/(.*)/s);
  return { subject, operation, by: "interlock", medium, setting: "alone", count: 1 };
}

/** An operation with the name that users know. */
export function entry(key: keyof typeof NAMES, medium: Row["medium"], note?: string): Entry {
  return { label: NAMES[key], note, wanted: alone(key, medium) };
}

/** The rows in the order of the runtimes, at most one for each. */
export function byRuntime(results: Pick<Results, "rows">, wanted: RowFilter): Row[] {
  return RUNTIMES.flatMap((runtime) => rowsOf(results, { ...wanted, runtime }).slice(0, 1));
}

/** A ratio in a runtime. */
export interface Ratio {
  readonly name: string;
  readonly value: number;
}

/** How many times as long one takes as the other, in each runtime that has both. */
export function ratiosOf(
  results: Pick<Results, "rows">,
  one: RowFilter,
  other: RowFilter,
): Ratio[] {
  const others = byRuntime(results, other).filter(({ median }) => median > 0);
  return byRuntime(results, one).flatMap(({ runtime, median }) => {
    const row = others.find((row) => row.runtime === runtime);
    return row ? [{ name: SERIES_NAMES[row.runtime!], value: median / row.median }] : [];
  });
}

/** From the least to the most of some ratios. */
export function rangeOf(ratios: readonly Ratio[], format = multiple): string {
  return range(ratios.map(({ value }) => value), format);
}

/** A chart of rows of points, unless there is none. */
export function chartOf(
  unit: Chart["unit"],
  rows: readonly DotRow[],
  atOne?: string,
): Chart | undefined {
  return rows.length === 0 ? undefined : { unit, rows, atOne };
}

/** The table of such a chart: a line for each row, a column for each runtime. */
export function tableOf(
  unit: Chart["unit"],
  rows: readonly DotRow[],
  aside: string,
  cells = "",
): Table {
  const names = RUNTIMES.map((runtime) => SERIES_NAMES[runtime]);
  return {
    head: [cells, ...names, aside],
    rows: rows.map(({ label, note, aside = "", dots }) => [
      note === undefined ? label : `${label} (${note})`,
      ...names.map((name) => {
        const dot = dots.find((one) => one.name === name);
        return dot === undefined ? "–" : dot.text ?? written(dot.value, unit);
      }),
      aside,
    ]),
  };
}

/** Joins the sentences of an answer, or says that the results lack the figures. */
export function sentences(all: readonly (string | undefined | false)[], what: string): string {
  return all.filter(Boolean).join(" ") || `This run has no figures of ${what}.`;
}
