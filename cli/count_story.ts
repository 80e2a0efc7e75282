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
  "The cure, a lock for each increment: only its holder reads and writes, and the others wait.";
const call: Chapter = () =>
  "The lock around the whole call: each worker takes it once, so they count one after the other.";
const value: Chapter = () =>
  "A number in shared memory: to lock each read and each write is not enough (value), but one lock " +
  "around both is, by a guard (value-lock) or by hand.";
const rawValue: Chapter = () =>
  "A bare number in shared memory: without a lock it loses updates as well; one lock is enough, while " +
  "value-lock takes two.";
const array: Chapter = () =>
  "An array: one cell for all under a lock (array-lock), or a cell for each worker and no lock, " +
  "summed at the end (raw-array).";
const manager: Chapter = ({ owner }) =>
  `A manager, a ${owner} that owns the number and gets messages: "add one" is exact, but a get and ` +
  "a set need its lock.";
const flag: Chapter = () =>
  "A shared flag: the workers look for primes, and the first to find a factor tells the others to " +
  "stop.";
const atomic: Chapter = () =>
  "An atomic add: the processor reads, adds and writes in one step, in one cell (atomic) or in a " +
  "cell for each worker (striped).";
const redis: Chapter = () =>
  "A Redis server: one command adds and is exact (redis), a GET and a SET are two and need a lock; " +
  "adds can also be collected and sent together (redis-coalesced).";

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

/** What an experiment needs explained: the reads that gave no number, and a sample of each kind. */
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
        : "a file that another worker had just emptied, to write it anew",
    });
  }
  // The shortest shows best what happened.
  const [mixed] = samples.filter((text) => text !== "").sort((a, b) => a.length - b.length);
  if (mixed !== undefined) {
    const meaning = "what is left if two workers write over one another";
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

/** What to take from races and their cures: what was lost, what each cure cost, and the advice. */
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
    "What was lost, and what each cure cost, in ns for an increment. Each race reads, adds " +
    "and writes, and another worker gets in between:";
  const advice = "What to take from it: prefer what your team understands, even if it is not the " +
    "fastest. A store that others can look into while the program runs, such as Redis, is worth " +
    "its price.";
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
