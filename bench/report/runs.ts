import { readdirSync } from "node:fs";
import { readResults, type Results } from "../results.ts";

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
