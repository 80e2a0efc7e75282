import type { Results, Row } from "../results.ts";
import { type Chart, type Dot, type DotRow, written } from "./charts/chart.ts";
import { duration, range, RUNTIMES, SERIES_NAMES, times } from "./figures.ts";

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

/**
 * The properties of the rows of Interlock that a text names: `atomics/add`, alone, or
 * `atomics/add @4 workers`. Workers share anonymous memory instead of a mapped file.
 */
export function wantedBy(key: string) {
  const [, subject, operation, count = "1", setting = "alone"] =
    /^(.*?)\/(.*?)(?: @(\d+) (workers|processes))?$/.exec(key)!;
  const memory = setting === "workers" ? "anonymous" : "mapped";
  const medium = subject === "redis" ? "redis" : subject.startsWith("file_") ? "file" : memory;
  return { subject, operation, by: "interlock", medium, setting, count: Number(count) };
}

/** The rows with these properties. */
export function rowsOf({ rows }: Pick<Results, "rows">, wanted: object): Row[] {
  const all = Object.entries(wanted) as [keyof Row, unknown][];
  return rows.filter((row) => all.every(([key, value]) => row[key] === value));
}

/**
 * A point for each runtime that has such a row: its time, or for `KEY : KEY` how many times as long
 * the first takes as the second.
 */
export function dotsOf(results: Pick<Results, "rows">, text: string): Dot[] {
  const [key, other] = text.split(" : ");
  const wanted = wantedBy(key);
  const dots = RUNTIMES.flatMap((runtime) =>
    rowsOf(results, { ...wanted, runtime }).slice(0, 1).map(({ median: value, least, most }) => {
      return { name: SERIES_NAMES[runtime], value, least, most };
    })
  );
  if (other === undefined) return dots;
  const others = new Map(dotsOf(results, other).map(({ name, value }) => [name, value]));
  return dots.filter(({ name }) => others.get(name))
    .map(({ name, value }) => ({ name, value: value / others.get(name)! }));
}

/** From the least to the most of some points. */
export function rangeOf(dots: readonly Dot[], format: (value: number) => string): string {
  return range(dots.map(({ value }) => value), format);
}

/**
 * Completes a sentence with figures: `{KEY}` becomes the time of rows, `{KEY : KEY}` how many times
 * as long the first takes. Empty if a figure is missing.
 */
export function sentence(results: Results, text: string): string {
  let isComplete = true;
  const completed = text.replaceAll(/\{(.+?)\}/g, (_, what: string) => {
    const dots = dotsOf(results, what);
    isComplete &&= dots.length > 0;
    return what.includes(" : ") ? `${rangeOf(dots, times)} times` : rangeOf(dots, duration);
  });
  return isComplete ? completed : "";
}

/** Joins the complete sentences of an answer, or says that the results lack the figures. */
export function sentences(
  results: Results,
  what: string,
  all: readonly (string | undefined | false)[],
): string {
  const complete = all.map((text) => text && sentence(results, text)).filter(Boolean);
  return complete.join(" ") || `This run has no figures of ${what}.`;
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
  const lines = rows.map(({ label, note, aside, dots }) => {
    const texts = names.map((name) => {
      const dot = dots.find((dot) => dot.name === name);
      return dot === undefined ? "–" : dot.text ?? written(dot.value, unit);
    });
    return [note === undefined ? label : `${label} (${note})`, ...texts, aside];
  });
  const chart = rows.length === 0 ? undefined : { unit, rows, atOne };
  return { chart, table: { head: [cells, ...names, summary], rows: lines } };
}
