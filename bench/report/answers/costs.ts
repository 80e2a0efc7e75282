import type { Results } from "../../results.ts";
import {
  type Answer,
  comparison,
  dotsOf,
  type Entry,
  entry,
  rangeOf,
  ratiosOf,
  sentences,
} from "./answer.ts";
import { duration, type RowFilter, times } from "../figures.ts";

const MEMORY = "shared memory";
const FILE = "a text file";
const SERVER = "a server, this machine";

const ATOMIC = entry("atomics/add", MEMORY);
const FILE_COUNTER = entry("file_counter/add", FILE);
const REDIS_COUNTER = entry("redis/counter add", SERVER);
/** The counters, by cost. */
export const COUNTERS: readonly Entry[] = [
  ATOMIC,
  entry("atomics/striped add", MEMORY),
  entry("values/shared value += 1", MEMORY),
  entry("file_counter/add in a batch of 1,000", "one write for 1,000 adds"),
  FILE_COUNTER,
  entry("file_counter/add, durable", "survives power loss"),
  entry("redis/counter add, coalesced", "one command for many adds"),
  entry("redis/counter add, pipelined", "many adds at the same time"),
  REDIS_COUNTER,
];

const PAIR = entry("mutex/lock, unlock", "lock(), unlock()");
const AWAITED = entry("async_acquire/acquire, release", "await acquire()");
const FILE_LOCK = entry("file_lock/lock, unlock", "lock(), unlock()");
const REDIS_LOCK = entry("redis/lock: acquire, release", SERVER);
/** The locks, by cost. */
export const LOCKS: readonly Entry[] = [
  PAIR,
  entry("mutex/guard by try, finally", "acquireSync()"),
  entry("mutex/guard by using", "acquireSync()"),
  AWAITED,
  FILE_LOCK,
  entry("file_lock/guard by using", "acquireSync()"),
  entry("file_lock/acquire, release", "await acquire()"),
  REDIS_LOCK,
];

/** Which counter? */
export function whichCounter(results: Results): Answer {
  const atomic = costOf(results, ATOMIC);
  return {
    id: "counter",
    question: "Which counter?",
    answer: sentences([
      atomic && `On one machine: **AtomicCounter**, ${atomic} per add.`,
      stripedGain(results),
      compared(
        results,
        FILE_COUNTER,
        ATOMIC,
        (cost) =>
          "FileCounter, for a number that people can read and edit and that outlives a reboot, " +
          `takes ${cost("AtomicCounter")}.`,
      ),
      compared(
        results,
        REDIS_COUNTER,
        ATOMIC,
        (cost) => `RedisCounter, for several machines, takes ${cost("AtomicCounter")}.`,
      ),
    ], "counters"),
    reading: "Time of one add by one undisturbed thread; further left is faster.",
    ...costs(results, COUNTERS),
  };
}

/** Which lock? */
export function whichLock(results: Results): Answer {
  const pair = costOf(results, PAIR);
  const awaited = costOf(results, AWAITED);
  return {
    id: "lock",
    question: "Which lock?",
    answer: sentences([
      pair && `For programs on one machine: **Mutex**, ${pair} for lock and unlock` +
        (awaited ? `, ${awaited} with await.` : "."),
      compared(
        results,
        FILE_LOCK,
        PAIR,
        (cost) =>
          "**FileLock**, to share a lock with other languages and the shell, takes " +
          `${cost("Mutex")}.`,
      ),
      compared(
        results,
        REDIS_LOCK,
        AWAITED,
        (cost) => `**RedisLock**, for several machines, takes ${cost("an awaited Mutex")}.`,
      ),
    ], "locks"),
    reading: "Time to acquire a free lock and to release it; further left is faster.",
    ...costs(results, LOCKS),
  };
}

/** From the fastest to the slowest runtime; empty if none was measured. */
function costOf(results: Results, { wanted }: Entry): string {
  const dots = dotsOf(results, wanted);
  return dots.length === 0 ? "" : rangeOf(dots, duration);
}

/** Says how many times as long one takes as another, unless one was not measured. */
function compared(
  results: Results,
  one: Entry,
  other: Entry,
  say: (cost: (name: string) => string) => string,
): string {
  const ratios = ratiosOf(results, one.wanted, other.wanted);
  if (ratios.length === 0) return "";
  return say((name) =>
    `${rangeOf(ratios, times)} times as long as ${name} (${costOf(results, one)})`
  );
}

/** How many times as fast a striped counter is with at most 4 processes. */
function stripedGain(results: Results): string {
  const at = (count: number, operation: string): RowFilter => {
    return { ...ATOMIC.wanted, operation, setting: "processes", count };
  };
  for (const count of [4, 2]) {
    const ratios = ratiosOf(results, at(count, "add"), at(count, "striped add"));
    if (ratios.length === 0) continue;
    const gain = `${rangeOf(ratios, times)} times as fast`;
    return ratios.some(({ value }) => value > 1.05)
      ? `If ${count} processes add at once, **StripedCounter** is ${gain}.`
      : `StripedCounter gains nothing here if ${count} processes add at once (${gain}).`;
  }
  return "";
}

/** The chart and the table of the entries that were measured. */
function costs(results: Results, entries: readonly Entry[]): Pick<Answer, "chart" | "table"> {
  const rows = entries.map((entry) => ({ ...entry, dots: dotsOf(results, entry.wanted) }));
  return comparison("ns", rows);
}
