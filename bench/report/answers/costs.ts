import type { Results } from "../../results.ts";
import {
  type Answer,
  byRuntime,
  chartOf,
  type Entry,
  entry,
  rangeOf,
  ratiosOf,
  sentences,
  tableOf,
} from "./answer.ts";
import { duration, range, type RowFilter, SERIES_NAMES, times } from "../figures.ts";

const MEMORY = "shared memory";
const FILE = "a text file";
const SERVER = "a server, this machine";

const ATOMIC = entry("atomics/add", "mapped", MEMORY);
const FILE_COUNTER = entry("file_counter/add", "file", FILE);
const REDIS_COUNTER = entry("redis/counter add", "redis", SERVER);
/** The counters, by cost. */
export const COUNTERS: readonly Entry[] = [
  ATOMIC,
  entry("atomics/striped add", "mapped", MEMORY),
  entry("values/shared value += 1", "mapped", MEMORY),
  entry("file_counter/add in a batch of 1,000", "file", FILE),
  FILE_COUNTER,
  entry("file_counter/add, durable", "file", "survives power loss"),
  entry("redis/counter add, coalesced", "redis", SERVER),
  entry("redis/counter add, pipelined", "redis", SERVER),
  REDIS_COUNTER,
];

const PAIR = entry("mutex/lock, unlock", "mapped", "lock(), unlock()");
const AWAITED = entry("async_acquire/acquire, release", "mapped", "await acquire()");
const FILE_LOCK = entry("file_lock/lock, unlock", "file", "lock(), unlock()");
const REDIS_LOCK = entry("redis/lock: acquire, release", "redis", SERVER);
/** The locks, by cost. */
export const LOCKS: readonly Entry[] = [
  PAIR,
  entry("mutex/guard by try, finally", "mapped", "acquireSync()"),
  entry("mutex/guard by using", "mapped", "acquireSync()"),
  AWAITED,
  FILE_LOCK,
  entry("file_lock/guard by using", "file", "acquireSync()"),
  entry("file_lock/acquire, release", "file", "await acquire()"),
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
        "FileCounter, for a number that people can read " +
          "and edit and that outlives a reboot,",
        "AtomicCounter",
      ),
      compared(
        results,
        REDIS_COUNTER,
        ATOMIC,
        "RedisCounter, for several machines,",
        "AtomicCounter",
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
        "**FileLock**, to share a lock with other languages and " +
          "the shell,",
        "Mutex",
      ),
      compared(
        results,
        REDIS_LOCK,
        AWAITED,
        "**RedisLock**, for several machines,",
        "an awaited Mutex",
      ),
    ], "locks"),
    reading: "Time to acquire a free lock and to release it; further left is faster.",
    ...costs(results, LOCKS),
  };
}

/** From the fastest to the slowest runtime; empty if none was measured. */
function costOf(results: Results, { wanted }: Entry): string {
  const rows = byRuntime(results, wanted);
  return rows.length === 0 ? "" : range(rows.map(({ median }) => median), duration);
}

function compared(results: Results, one: Entry, other: Entry, what: string, to: string) {
  const ratios = ratiosOf(results, one.wanted, other.wanted);
  return ratios.length > 0 &&
    `${what} takes ${rangeOf(ratios, times)} times as long as ${to} (${costOf(results, one)}).`;
}

/** How many times as fast a striped counter is with at most 4 processes. */
function stripedGain(results: Results): string | undefined {
  const at = (count: number, operation: string): RowFilter => {
    return { ...ATOMIC.wanted, operation, setting: "processes", count };
  };
  const [found] = [4, 2].map((count) => ({
    count,
    ratios: ratiosOf(results, at(count, "add"), at(count, "striped add")),
  })).filter(({ ratios }) => ratios.length > 0);
  if (found === undefined) return undefined;
  const gain = rangeOf(found.ratios, times);
  return found.ratios.some(({ value }) => value > 1.05)
    ? `If ${found.count} processes add at once, **StripedCounter** is ${gain} times as fast.`
    : `StripedCounter gains nothing here if ${found.count} processes add at once ` +
      `(${gain} times as fast).`;
}

/** The chart and the table of the entries that were measured. */
function costs(results: Results, entries: readonly Entry[]): Pick<Answer, "chart" | "table"> {
  const rows = entries.map(({ wanted, ...entry }) => {
    const rows = byRuntime(results, wanted);
    const dots = rows.map(({ runtime, median, least, most }) => {
      return { name: SERIES_NAMES[runtime!], value: median, least, most };
    });
    const aside = range(rows.flatMap(({ least, most }) => [least, most]), duration);
    return { ...entry, aside, dots };
  }).filter(({ dots }) => dots.length > 0);
  return { chart: chartOf("ns", rows), table: tableOf("ns", rows, "least to most") };
}
