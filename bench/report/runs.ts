import { readdirSync, readFileSync } from "node:fs";
import { readResults, type Results } from "../results.ts";

const RESULTS = new URL("../results/", import.meta.url);

/** A run of the bench, and the name of its file. */
export interface Run {
  readonly file: string;
  readonly results: Results;
}

/** The newest run in bench/results that is as wanted. */
export function newest(wanted: (results: Results) => boolean): Run | undefined {
  const names = readdirSync(RESULTS).filter((name) => /^\d{4}-.*\.json$/.test(name)).sort();
  for (const name of names.reverse()) {
    const file = new URL(name, RESULTS);
    // Those of the first format stay where they are, and are no longer read.
    const { version } = JSON.parse(readFileSync(file, "utf8")) as { version?: number };
    if (version !== 2) continue;
    const results = readResults(file);
    if (wanted(results)) return { file: name, results };
  }
  return undefined;
}

/** What people elsewhere read comes from a whole run; full, unless all there is is a quick one. */
export function forDocumentation(): Run | undefined {
  const whole = ({ filter }: Results) => filter === undefined;
  return newest((results) => whole(results) && results.mode === "full") ?? newest(whole);
}
