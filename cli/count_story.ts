import type { Run } from "../src/counting/config.ts";
import type { CountResult } from "../src/counting/result.ts";
import type { StrategyName } from "../src/counting/strategies/names.ts";
import { costOf, format, formatCost, lossOf, nameOf, type Outcome } from "./count_outcome.ts";

const WORDS = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];

/** A number as a word, up to ten. */
export function wordOf(number: number): string {
  return WORDS[number] ?? format(number);
}

/** What a chapter may mention. */
interface Scene {
  /** Such as `four workers`. */
  readonly workers: string;
  readonly owner: "process" | "thread";
}

type Chapter = (scene: Scene) => string;

const alone: Chapter = () =>
  "A number in a text file, one worker: it reads, adds one and writes back.";
const file: Chapter = ({ workers }) =>
  `A number in a text file, ${workers}: two read the same number, both add one and write, and one ` +
  "of the two increments is lost.";
const fileLock: Chapter = () =>
  "The cure: a lock around each increment. Only its holder reads and writes; the others wait.";
const call: Chapter = () =>
  "One lock around the whole call: each worker acquires it once, so they count one after another.";
const value: Chapter = () =>
  "A number in shared memory: locking each read and each write is not enough (value). One lock " +
  "around both is: with a guard (value-lock) or without (value-lock-manual).";
const rawValue: Chapter = () =>
  "A bare number in shared memory: without a lock, it loses updates, too (raw-value). One lock is " +
  "enough (raw-value-lock); value-lock also locks each read and each write.";
const array: Chapter = () =>
  "An array: one cell for all under a lock (array-lock), or a cell for each worker and no lock, " +
  "summed at the end (raw-array).";
const manager: Chapter = ({ owner }) =>
  `A manager: a ${owner} that owns the number and receives messages. "Add one" is exact; a get and ` +
  "a set need the manager's lock.";
const flag: Chapter = () =>
  "A shared flag: the workers look for primes, and the first to find a factor tells the others to " +
  "stop.";
const atomic: Chapter = () =>
  "An atomic add: the processor reads, adds and writes in one step, in one cell (atomic) or in a " +
  "cell for each worker (striped).";
const redis: Chapter = () =>
  "A Redis server: one command that adds is exact (redis); a GET and a SET need a lock " +
  "(redis-lock). Adds can also be collected and sent together (redis-coalesced).";

const CHAPTERS: Readonly<Record<StrategyName, Chapter>> = {
  file,
  "file-lock": fileLock,
  value,
  "value-lock": value,
  "value-lock-manual": value,
  "raw-value": rawValue,
  "raw-value-lock": rawValue,
  "array-lock": array,
  "raw-array": array,
  manager,
  "manager-lock": manager,
  "manager-get-set": manager,
  flag,
  atomic,
  striped: atomic,
  redis,
  "redis-get-set": redis,
  "redis-lock": redis,
  "redis-coalesced": redis,
};

/** The sentence of the chapter to which an experiment belongs. */
export function chapterOf({ strategy, workers, granularity }: Run, unit: string): string {
  const chapter = strategy === "file" && workers === 1
    ? alone
    : granularity === "call"
    ? call
    : CHAPTERS[strategy];
  return chapter({
    workers: `${wordOf(workers)} workers`,
    owner: unit === "process" ? "process" : "thread",
  });
}

/** The prime search in a sentence. */
export function searchOf(
  { workers, search, actual, expected, nsPerIncrement }: CountResult,
): string {
  const { numbers, serialMs, noFlagMs, flagMs } = search!;
  const wrong = actual === expected ? "" : `WRONG (it must be ${expected}): `;
  const ms = (value: number) => `${format(value)} ms`;
  return `${wrong}${actual} prime${actual === 1 ? "" : "s"} of ${numbers} found; ` +
    `${wordOf(workers)} workers took ${ms(noFlagMs)} without the flag, ${
      ms(flagMs)
    } with it (one ` +
    `worker alone ${ms(serialMs)}; a look at the flag ${formatCost(nsPerIncrement)} ns)`;
}

/** A sample of a text that was no number, and what it is. */
export interface Explained {
  readonly sample: string;
  readonly meaning: string;
}

/** The reads of an experiment that gave no number, and a sample of each kind with its meaning. */
export function errorsOf(
  { results }: Outcome,
): { readonly text: string; readonly kinds: readonly Explained[] } | undefined {
  const errors = results.reduce((sum, result) => sum + result.errors, 0);
  if (errors === 0) return undefined;
  const samples = results.flatMap(({ errorSamples }) => errorSamples);
  const isAlone = errors === results.length;
  const kinds: Explained[] = [];
  if (samples.includes("")) {
    kinds.push({
      sample: '""',
      meaning: isAlone
        ? "the empty file at first"
        : "a file that another worker had just emptied to write it again",
    });
  }
  // The shortest shows best what happened.
  const [mixed] = samples.filter((text) => text !== "").sort((a, b) => a.length - b.length);
  if (mixed !== undefined) {
    const meaning = "what is left if two workers overwrite each other";
    kinds.push({ sample: JSON.stringify(mixed), meaning });
  }
  const reads = errors === 1 ? "1 read" : `${format(errors)} reads`;
  return { text: `${reads} gave no number, and counted as 0:`, kinds };
}

/** The races, and what cures each. */
const CURES: Partial<Record<StrategyName, readonly StrategyName[]>> = {
  file: ["file-lock"],
  value: ["value-lock", "value-lock-manual"],
  "raw-value": ["raw-value-lock", "array-lock", "raw-array", "atomic", "striped"],
  "manager-get-set": ["manager", "manager-lock"],
  "redis-get-set": ["redis", "redis-lock", "redis-coalesced"],
};

/** A paragraph, and the items below it. */
export interface Lesson {
  readonly text: string;
  readonly list?: readonly string[];
}

/** The conclusion: what each race lost, what each cure cost, and advice. */
export function lessonOf(outcomes: readonly Outcome[]): Lesson[] {
  const together = outcomes.filter(({ run }) => run.workers > 1);
  const list = together.flatMap((race) => {
    const { strategy } = race.run;
    const cures = together.filter(({ run }) => CURES[strategy]?.includes(run.strategy));
    if (cures.length === 0) return [];
    const exact = cures.map((cure) => `${nameOf(cure.run)} ${costIn(cure)}`).join(", ");
    return [`${strategy} lost ${shareOf(race)} at ${costIn(race)} ns; exact: ${exact}`];
  });
  if (list.length === 0) return [];
  const text =
    "What each race lost and what each cure cost, in ns per increment. A race reads, adds and " +
    "writes, and another worker can get in between:";
  const advice = "Prefer what your team understands, even if it is not the fastest. A store that " +
    "other programs can inspect while yours runs, such as Redis, may be worth its cost.";
  return [{ text, list }, { text: advice }];
}

function costIn(outcome: Outcome): string {
  return formatCost(costOf(outcome).mean);
}

/** The share of lost updates, such as `89 %`. */
function shareOf(outcome: Outcome): string {
  const percent = lossOf(outcome).mean / outcome.results[0].expected * 100;
  if (percent === 0) return "nothing (by luck)";
  return `${format(percent, percent < 1 ? 2 : 0)} %`;
}
