import { readdirSync } from "node:fs";
import { readResults, type Results } from "../results.ts";
import { listed, RUNTIMES, SERIES_NAMES } from "./figures.ts";

const RESULTS = new URL("../results/", import.meta.url);

/** A run of the bench, and the name of its file. */
export interface Run {
  readonly file: string;
  readonly results: Results;
}

/** The newest run in bench/results that fulfils the condition. */
export function newest(wanted: (results: Results) => boolean): Run | undefined {
  const names = readdirSync(RESULTS).filter((name) => /^bench-.*\.json$/.test(name)).sort();
  for (const name of names.reverse()) {
    const results = readResults(new URL(name, RESULTS));
    if (wanted(results)) return { file: name, results };
  }
  return undefined;
}

/** The newest complete run; a quick one only if there is no full one. */
export function forDocumentation(): Run | undefined {
  const whole = ({ filter }: Results) => filter === undefined;
  return newest((results) => whole(results) && results.mode === "full") ?? newest(whole);
}

/** When and on what a run was made, in a sentence or two. */
export function summary({ when, machine: { cores, cpu }, rounds, versions }: Results): string {
  const runtimes = RUNTIMES.filter((name) => name in versions)
    .map((name) => `${SERIES_NAMES[name]} ${versions[name]}`);
  return `${when.slice(0, 10)}, ${cores} cores of ${cpu}, ${listed(runtimes)}. ` +
    (rounds === 1 ? "One round." : `Medians of ${rounds} rounds.`);
}

/** Warnings about figures that are rough, incomplete or disturbed. */
export function warnings({ mode, filter, machine: { cores, load } }: Results): string[] {
  return [
    ...mode === "quick" ? ["A quick run: its figures are rough."] : [],
    ...filter === undefined ? [] : [`Only a part of the benchmark: ${filter}.`],
    ...load.before > cores / 4
      ? [`The machine was not idle: load average ${load.before.toFixed(2)} at the start.`]
      : [],
  ];
}
