import { readdirSync } from "node:fs";
import { readResults, type Results } from "../results.ts";

const RESULTS = new URL("../results/", import.meta.url);

/** A run of the bench, and the name of its file. */
export interface Run {
  readonly file: string;
  readonly results: Results;
}

/** The newest run in bench/results that is as wanted. */
export function newest(wanted: (results: Results) => boolean): Run | undefined {
  const names = readdirSync(RESULTS).filter((name) => /^bench-.*\.json$/.test(name)).sort();
  for (const name of names.reverse()) {
    const results = readResults(new URL(name, RESULTS));
    if (wanted(results)) return { file: name, results };
  }
  return undefined;
}

/** What people elsewhere read comes from a whole run; full, unless all there is is a quick one. */
export function forDocumentation(): Run | undefined {
  const whole = ({ filter }: Results) => filter === undefined;
  return newest((results) => whole(results) && results.mode === "full") ?? newest(whole);
}
