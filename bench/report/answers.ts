import type { Latency, Results, Row } from "../results.ts";
import {
  type Answer,
  comparison,
  dotsOf,
  rangeOf,
  rowsOf,
  sentence,
  sentences,
  wantedBy,
} from "./answer.ts";
import {
  duration,
  geometricMean,
  listed,
  range,
  RUNTIMES,
  SERIES_NAMES,
  times,
} from "./figures.ts";
import { goals } from "./goals.ts";
import { nameOf, NAMES } from "./names.ts";
import { againstRivals } from "./rivals.ts";
import { machine } from "./runs.ts";

/** An operation, and what to know about it. */
type Entry = readonly [key: keyof typeof NAMES, note?: string];

/** The counters, by cost. */
export const COUNTERS: readonly Entry[] = [
  ["atomics/add", "shared memory"],
  ["atomics/striped add", "shared memory"],
  ["values/shared value += 1", "shared memory"],
  ["file_counter/add in a batch of 1,000", "one write for 1,000 adds"],
  ["file_counter/add", "a text file"],
  ["file_counter/add, durable", "survives power loss"],
  ["redis/counter add, coalesced", "one command for many adds"],
  ["redis/counter add, pipelined", "many adds at the same time"],
  ["redis/counter add", "a server, this machine"],
];

/** The locks, by cost. */
export const LOCKS: readonly Entry[] = [
  ["mutex/lock, unlock", "lock(), unlock()"],
  ["mutex/guard by try, finally", "acquireSync()"],
  ["mutex/guard by using", "acquireSync()"],
  ["async_acquire/acquire, release", "await acquire()"],
  ["file_lock/lock, unlock", "lock(), unlock()"],
  ["file_lock/guard by using", "acquireSync()"],
  ["file_lock/acquire, release", "await acquire()"],
  ["redis/lock: acquire, release", "a server, this machine"],
];

/** The operations that are measured with many at once; those of a group have the same axes. */
export const SCALED: readonly (readonly (keyof typeof NAMES)[])[] = [
  ["atomics/add", "atomics/striped add", "mutex/lock, increment, unlock"],
  ["file_lock/lock, unlock", "file_counter/add", "file_counter/add, durable"],
];

/** A guarantee, what gives it and what does not, and the operations with it and without it. */
interface Safety {
  readonly label: string;
  readonly note: string;
  readonly ratio: string;
  /** The words of the answer, with % for the figure, for the main ones. */
  readonly says?: string;
}

/** The guarantees, each with the operation that does the same without it. */
export const SAFETIES: readonly Safety[] = [
  {
    label: "No update is lost",
    note: "update(), not RawValue += 1",
    ratio: "values/shared value update : values/raw value += 1",
    says: "an update that is never lost takes **%** as long as a bare one",
  },
  {
    label: "Mutual exclusion",
    note: "a Mutex around RawValue += 1",
    ratio: "values/raw value under a mutex : values/raw value += 1",
    says: "a mutex around it **%**",
  },
  {
    label: "The lock is always released",
    note: "try, finally, not the bare pair",
    ratio: "mutex/guard by try, finally : mutex/lock, unlock",
  },
  {
    label: "… by the language",
    note: "using, not the bare pair",
    ratio: "mutex/guard by using : mutex/lock, unlock",
    says: "a guard by using % as long as the bare pair of calls",
  },
  {
    label: "The event loop runs on",
    note: "await acquire(), not the bare pair",
    ratio: "async_acquire/acquire, release : mutex/lock, unlock",
  },
  {
    label: "Others see who has it",
    note: "a FileLock's record, not without",
    ratio: "file_lock/guard by using : file_lock/guard by using, no record",
  },
  {
    label: "People may edit the number",
    note: "FileCounter, not { editable: false }",
    ratio: "file_counter/add : file_counter/add, not editable",
  },
  {
    label: "It survives power loss",
    note: "{ durable: true }, not without",
    ratio: "file_counter/add, durable : file_counter/add",
    says: "an add that survives power loss **%** as long as one that need not",
  },
];

/** The increments whose growth the answer on scaling gives. */
const GROWN = [
  ["mutex/lock, increment, unlock", "Mutex"],
  ["atomics/add", "AtomicCounter"],
  ["atomics/striped add", "StripedCounter"],
];

/** A runtime within this ratio of the fastest counts as fastest too. */
const SAME = 1.05;
const SIZES = [1, 2, 4, 16, 64];

/** The rows of an entry in each runtime. */
const timesOf = (results: Results, all: readonly Entry[]) =>
  all.map(([key, note]) => ({ label: NAMES[key], note, dots: dotsOf(results, key) }));

/** Which counter? */
export function whichCounter(results: Results): Answer {
  const gains = dotsOf(results, "atomics/add @4 processes : atomics/striped add @4 processes");
  const gain = `${rangeOf(gains, times)} times as fast`;
  return {
    id: "counter",
    question: "Which counter?",
    answer: sentences(results, "counters", [
      "On one machine: **AtomicCounter**, {atomics/add} per add.",
      gains.length > 0 &&
      (gains.some(({ value }) => value > SAME)
        ? `If 4 processes add at once, **StripedCounter** is ${gain}.`
        : `StripedCounter gains nothing here if 4 processes add at once (${gain}).`),
      "FileCounter, for a number that people can read and edit and that outlives a reboot, takes " +
      "{file_counter/add : atomics/add} as long as AtomicCounter ({file_counter/add}).",
      "RedisCounter, for several machines, takes {redis/counter add : atomics/add} as long as " +
      "AtomicCounter ({redis/counter add}).",
    ]),
    reading: "Time of one add by one undisturbed thread; further left is faster.",
    ...comparison("ns", timesOf(results, COUNTERS)),
  };
}

/** Which lock? */
export function whichLock(results: Results): Answer {
  return {
    id: "lock",
    question: "Which lock?",
    answer: sentences(results, "locks", [
      "For programs on one machine: **Mutex**, {mutex/lock, unlock} for lock and unlock, " +
      "{async_acquire/acquire, release} with await.",
      "**FileLock**, to share a lock with other languages and the shell, takes " +
      "{file_lock/lock, unlock : mutex/lock, unlock} as long as Mutex ({file_lock/lock, unlock}).",
      "**RedisLock**, for several machines, takes " +
      "{redis/lock: acquire, release : async_acquire/acquire, release} as long as an awaited " +
      "Mutex ({redis/lock: acquire, release}).",
    ]),
    reading: "Time to acquire a free lock and to release it; further left is faster.",
    ...comparison("ns", timesOf(results, LOCKS)),
  };
}

/** How does it scale? */
export function scaling(results: Results): Answer {
  const series = SCALED.map((keys) =>
    keys.flatMap((key) =>
      (["processes", "workers"] as const).flatMap((setting) => seriesOf(results, key, setting))
    )
  );
  const groups = series.map((all) =>
    all.filter(({ panel, setting, name, rows }) =>
      setting === "processes" && name !== SERIES_NAMES.mixed && rows.length > 1 &&
      all.some((one) => one.panel === panel && one.name !== SERIES_NAMES.c)
    ).flatMap(({ panel, name, rows }) =>
      rows.map(({ count, median }) => ({ panel, name, count, value: median }))
    )
  ).filter((points) => points.length > 0);
  const grown = SIZES.slice(1).map((most) => ({
    most,
    all: GROWN.map(([key, name]) => {
      const ratio = `{${key} @${most} processes : ${key} @1 processes}`;
      return sentence(results, `**${ratio}** as long on ${name}`);
    }),
  })).findLast(({ all: [first] }) => first !== "");
  return {
    id: "scaling",
    question: "How does it scale?",
    answer: sentences(results, "several processes at once", [
      grown && `Compared with one process, an increment by ${grown.most} processes at once takes ` +
        `${listed(grown.all.filter(Boolean))}.`,
      "Four workers of one process take {mutex/lock, increment, unlock @4 workers : " +
      "mutex/lock, increment, unlock @4 processes} as long as four processes.",
    ]),
    reading: `Time in which all processes together complete one operation, by the number of ` +
      `processes; ${results.machine.cores} cores. A flat line means that contention costs nothing.`,
    ...groups.length > 0 && { chart: { unit: "ns", groups } },
    table: {
      head: ["", "", ...SIZES.map(String)],
      rows: series.flat().map(({ panel, setting, name, rows }) => {
        const times = new Map(rows.map(({ count, median }) => [count, duration(median)]));
        return [`${panel}, ${setting}`, name, ...SIZES.map((size) => times.get(size) ?? "–")];
      }),
    },
  };
}

/** The rows of an operation with several at once: of each runtime, of all of them, and of C. */
function seriesOf(results: Results, key: keyof typeof NAMES, setting: "processes" | "workers") {
  const { count: _, by: _interlock, ...wanted } = wantedBy(`${key} @1 ${setting}`);
  return ([...RUNTIMES, "mixed", "c"] as const).flatMap((series) => {
    const who = series === "c" ? { by: "c" } : { by: "interlock", runtime: series };
    const rows = rowsOf(results, { ...wanted, ...who }).sort((a, b) => a.count - b.count);
    const name = SERIES_NAMES[series];
    return rows.length === 0 ? [] : [{ panel: NAMES[key], setting, name, rows }];
  });
}

/** Which runtime? */
export function whichRuntime(results: Results): Answer {
  const rows = timesOf(results, [...COUNTERS, ...LOCKS]).flatMap(({ label, dots: all }) => {
    const [best] = all.toSorted((a, b) => a.value - b.value);
    if (all.length < 2 || best.value === 0) return [];
    const dots = all.map(({ name, value }) => ({ name, value: value / best.value }));
    return [{ label, dots, aside: `${best.name} ${duration(best.value)}` }];
  });
  const [best, ...others] = RUNTIMES.map((runtime) => {
    const name = SERIES_NAMES[runtime];
    const ratios = rows.flatMap(({ dots }) => dots.filter((dot) => dot.name === name));
    return { name, ratios, mean: geometricMean(ratios.map(({ value }) => value)) };
  }).filter(({ ratios }) => ratios.length > 0).sort((a, b) => a.mean - b.mean);
  const first = best?.ratios.filter(({ value }) => value < SAME).length;
  const rest = others.map(({ name, ratios, mean }) =>
    `${name} takes ${rangeOf(ratios, times)} times (geometric mean ${times(mean)})`
  );
  return {
    id: "runtime",
    question: "Which runtime?",
    answer: sentences(results, "more than one runtime", [
      best &&
      `**${best.name}** is the fastest, or within ${Math.round(100 * (SAME - 1))} % of the ` +
        `fastest, in ${first} of ${best.ratios.length} operations. ${listed(rest)} as long as ` +
        "the fastest.",
    ]),
    reading: "Multiples of the time of the fastest runtime, which is named at the right.",
    ...comparison("times", rows, { summary: "fastest" }),
  };
}

/** What does safety cost? */
export function safetyCost(results: Results): Answer {
  const rows = SAFETIES.map((one) => ({ ...one, dots: dotsOf(results, one.ratio) }));
  const said = SAFETIES.map(({ says = "", ratio }) =>
    sentence(results, says.replace("%", `{${ratio}}`))
  )
    .filter(Boolean).join("; ");
  return {
    id: "safety",
    question: "What does safety cost?",
    answer: sentences(results, "safe operations beside bare ones", [
      said && `A${said.slice(1)}.`,
    ]),
    reading: "Multiples of the time without the guarantee; at 1 it is free. The least and the " +
      "most of the runtimes are at the right.",
    ...comparison("times", rows, { atOne: "slower →" }),
  };
}

/** What the answer says about hand-offs and awaited locks. */
const LATENCIES: readonly [keyof typeof NAMES, string][] = [
  ["mutex/hand-off", "the next thread gets a Mutex after"],
  ["mutex/hand-off to a task", "a waiting task gets one after"],
  ["file_lock/hand-off", "the next process gets a FileLock after"],
  ["file_lock/hand-off to a task", "a waiting task gets one after"],
  ["async_acquire/acquire, release; each timed", "await of a free Mutex takes"],
];

/** A row that was timed call by call. */
interface Timed extends Latency {
  readonly row: Row;
  readonly name: string;
}

/** How long until it is my turn? */
export function latencies(results: Results): Answer {
  // The other questions are about mapped memory too. C's rows are the last.
  const timed = ([...RUNTIMES, "c"] as const).flatMap((series): Timed[] =>
    results.rows.filter(({ by, runtime, latency, medium }) =>
      latency && medium !== "anonymous" && (by === "interlock" ? runtime : by) === series
    ).map((row) => ({ row, name: SERIES_NAMES[series], ...row.latency! }))
  );
  const groups = Map.groupBy(timed, ({ row }) => nameOf(row));
  const said = LATENCIES.filter(([key]) => groups.has(NAMES[key]))
    .map(([key, text]) => `${text} ${mediansOf(groups.get(NAMES[key])!)}`);
  const charted = [...groups].map(([label, all]) => {
    const [{ row: { count, setting } }] = all;
    const dots = all.map(({ name, p50, p99, p999 }) => {
      return { name, value: p50, most: p999, ticks: [p99, p999] };
    });
    return { label, note: count > 1 ? `${count} ${setting}` : "alone", dots };
  });
  const rows = [...groups].flatMap(([label, all]) =>
    all.map(({ name, p50, p99, p999, max }) => {
      return [label, name, ...[p50, p99, p999, max].map(duration)];
    })
  );
  return {
    id: "latency",
    question: "How long until it is my turn?",
    answer: sentences(results, "hand-off and awaited locks", [
      said.length > 0 && `Medians: ${said.join("; ")}.`,
    ]),
    reading: "Time from the release of the lock, or from the request for a free one, to the " +
      "acquisition. The point is the median; the ticks are at 99 % and 99.9 %.",
    ...comparison("ns", charted),
    table: { head: ["", "by", "median", "99 %", "99.9 %", "longest"], rows },
  };
}

/** From the fastest to the slowest runtime, also as a multiple of C's. */
function mediansOf(all: readonly Timed[]): string {
  const c = all.find(({ row }) => row.by === "c")?.p50;
  const ours = all.filter(({ row }) => row.by === "interlock").map(({ p50 }) => p50);
  if (ours.length === 0) return "–";
  const against = c && ` (${range(ours.map((ns) => ns / c), times)} times C's)`;
  return `**${range(ours, duration)}**${against ?? ""}`;
}

const QUESTIONS = [
  ...[whichCounter, whichLock, scaling, whichRuntime, safetyCost, againstRivals, latencies],
  ...[goals, machine],
];

/** The answers to all questions, in the order in which people ask them. */
export function answersTo(results: Results): Answer[] {
  return QUESTIONS.map((answer) => answer(results));
}
