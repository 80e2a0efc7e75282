import { newest, type Results, type Run } from "../results.ts";
import type { Answer } from "./answer.ts";
import { listed, RUNTIMES, SERIES_NAMES } from "./figures.ts";

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

/** Warnings about figures that are rough, incomplete or disturbed; empty if there are none. */
export function warnings({ mode, filter, machine: { cores, load } }: Results): string {
  return [
    mode === "quick" && "A quick run: its figures are rough.",
    filter !== undefined && `Only a part of the benchmark: ${filter}.`,
    load.before > cores / 4 &&
    `The machine was not idle: load average ${load.before.toFixed(2)} at the start.`,
  ].filter(Boolean).join(" ");
}

/** On which machine, with which versions, and what is missing? */
export function machine(results: Results): Answer {
  const { machine, versions, missing, wallSeconds, when, rows, rounds } = results;
  const { cores, cpu, arch, memoryBytes, platform, kernel, fileSystems, load, noise } = machine;
  const facts: string[][] = [
    ["Processor", `${cores} × ${cpu} (${arch})`],
    ["Memory", `${(memoryBytes / 2 ** 30).toFixed(1)} GiB`],
    ["System", `${platform} ${kernel}`],
    ...Object.entries(fileSystems).map(([path, kind]) => [`Files ${path}`, kind]),
    ["Load before, after", `${load.before.toFixed(2)}, ${load.after.toFixed(2)}`],
    ["Noise", `${Math.round(noise * 100)} % between the rounds of a row (median)`],
    ["Run", `${when.slice(0, 16).replace("T", " ")} UTC, ${(wallSeconds / 60).toFixed(1)} min`],
    ["Figures", `${rows.length.toLocaleString("en")} of ${rounds} rounds each`],
    // Some programs begin with their own name.
    ...Object.entries(versions).map(([name, version]) => [
      (SERIES_NAMES as Readonly<Record<string, string>>)[name] ?? name,
      version.replace(`${name} `, ""),
    ]),
  ];
  return {
    id: "machine",
    question: "Machine",
    answer: summary(results) +
      missing.map(({ what, todo }) => ` Not measured: ${what}; ${todo}.`).join(""),
    table: { head: ["", ""], rows: facts },
  };
}
