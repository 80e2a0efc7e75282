/**
 * Measures Interlock against its goals and against the same work in C, compiled and run in the
 * same rounds.
 *
 * @module
 */
import { Command, InvalidArgumentError } from "commander";
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus, release, tmpdir } from "node:os";
import process from "node:process";
import { describeMachine, fileSystemOf } from "../cli/machine.ts";
import { findRuntimes, type Runtime } from "../src/counting/runtimes.ts";
import type { RuntimeName } from "../src/runtime/port.ts";
import { type Figures, judge, measureAll, median, type Outcome } from "./figures.ts";
import { Peers } from "./peers.ts";
import { figuresTable, goalsTable } from "./report.ts";
import { SECTION_NAMES, type SectionName, sectionOf } from "./sections.ts";

const RUNTIMES: readonly RuntimeName[] = ["deno", "bun", "node"];
const RESULTS = new URL("./results/", import.meta.url);

interface Options {
  readonly only: SectionName[];
  readonly rounds: number;
  readonly runtime: RuntimeName[];
  readonly save: boolean;
}

function oneOf<T extends string>(allowed: readonly T[]): (text: string) => T[] {
  return (text) =>
    text.split(",").map((part) => {
      const found = allowed.find((name) => name === part.trim());
      if (found === undefined) {
        throw new InvalidArgumentError(`"${part}"; allowed: ${allowed.join(", ")}`);
      }
      return found;
    });
}

function whole(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1) return value;
  throw new InvalidArgumentError("a whole number from 1");
}

const options = new Command("bench")
  .description("Measures Interlock against its goals and against C.")
  .option(
    "--only <sections>",
    `sections to run: ${SECTION_NAMES.join(", ")} (default: all)`,
    oneOf(SECTION_NAMES),
    [...SECTION_NAMES],
  )
  .option("--rounds <number>", "how often each subject is measured", whole, 5)
  .option("--runtime <names>", "runtimes to measure", oneOf(RUNTIMES), [...RUNTIMES])
  .option("--no-save", "leave out the file in bench/results")
  .parse()
  .opts<Options>();

function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}

function save(
  runtimes: readonly Runtime[],
  compiler: string | undefined,
  figures: readonly Figures[],
  outcomes: readonly Outcome[],
): URL {
  const now = new Date();
  const result = {
    date: now.toISOString(),
    machine: { cpu: cpus()[0]?.model.trim(), cores: cpus().length, arch: process.arch },
    kernel: release(),
    compiler: compiler ?? null,
    runtimes: Object.fromEntries(runtimes.map(({ name, version }) => [name, version])),
    fileSystems: { "/dev/shm": fileSystemOf("/dev/shm"), [tmpdir()]: fileSystemOf(tmpdir()) },
    rounds: options.rounds,
    figures: figures.map(({ subject: { name, unit }, rounds }) => ({
      name,
      unit,
      median: median(rounds),
      least: Math.min(...rounds),
      most: Math.max(...rounds),
      rounds,
    })),
    goals: outcomes.map(({ goal: { subject, limit }, measured, met }) => ({
      name: subject.name,
      goal: "at" in limit ? { at: limit.at } : { times: limit.times, of: limit.of.name },
      measured,
      met,
    })),
  };
  mkdirSync(RESULTS, { recursive: true });
  const stamp = now.toISOString().slice(0, 19).replaceAll(":", "");
  const file = new URL(`${stamp}-${process.platform}-${process.arch}.json`, RESULTS);
  writeFileSync(file, `${JSON.stringify(result, null, 2)}\n`);
  return file;
}

const runtimes = await findRuntimes(options.runtime);
using peers = await Peers.build();
const about = [
  describeMachine(),
  ...runtimes.map(({ name, version, path }) => `${name} ${version}: ${path}`),
  peers?.compiler ?? "NO C COMPILER (cc, gcc, clang): THE COMPARISON WITH C IS LEFT OUT",
];
console.log(about.join("\n"));

const figures: Figures[] = [];
const outcomes: Outcome[] = [];
for (const name of options.only) {
  const { subjects, goals } = sectionOf(name, runtimes, peers);
  const measured = await measureAll(subjects, options.rounds, (round, { name: subject }) => {
    progress(`${name}, round ${round + 1} of ${options.rounds}: ${subject}`);
  });
  progress("");
  figures.push(...measured.values());
  outcomes.push(...goals.map((goal) => judge(goal, measured)));
  console.log(`\n${name}\n${figuresTable(measured.values())}`);
}

if (outcomes.length > 0) {
  const bySubject = new Map(figures.map(({ subject, rounds }) => [subject, rounds]));
  console.log(`\ngoals\n${goalsTable(outcomes, ({ goal }) => bySubject.get(goal.subject)!)}`);
  console.log(`${outcomes.filter(({ met }) => met).length} of ${outcomes.length} goals met`);
}
if (peers === undefined) console.log(about.at(-1));
if (options.save) console.log(save(runtimes, peers?.compiler, figures, outcomes).pathname);
