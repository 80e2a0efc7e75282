import type { Results, Row } from "../results.ts";
import { type Answer, comparison, rangeOf, sentences, type Table } from "./answer.ts";
import type { DotRow } from "./charts/chart.ts";
import { duration, geometricMean, multiple, SERIES_NAMES, times } from "./figures.ts";
import { nameOf, NAMES, rivalOf } from "./names.ts";

/** Rows of Interlock, one for each runtime, beside one rival's. */
export interface Match extends DotRow {
  readonly rival: string;
  /** How many processes at once, if there are several. */
  readonly members?: string;
  /** Whether both do the same work; only then are they in the chart and in the answer. */
  readonly isSame: boolean;
  /** How many times faster Interlock is; the geometric mean of the runtimes. */
  readonly mean: number;
}

/** Operations of Interlock that do the same work as a rival's operation of another name. */
const SAME_WORK: Readonly<Record<string, string>> = {
  "redis/lock over ioredis: acquire, release": "lock: acquire, release",
};
/** Rivals that do other work under the same name. */
const OTHER_WORK: readonly string[] = [
  // Two bare round trips: it releases without a look at the owner.
  "redis/lock: acquire, release/node-redis",
  // Sends each add; Interlock sends the adds of the same moment as one.
  "redis/counter add, pipelined/redis-benchmark",
  "redis/counter add, pipelined 64 deep/redis-benchmark",
];
/** Ratios this close to 1 count as equal. */
const EQUAL = 0.05;
const TEXTS = { cells: "Interlock : rival", atOne: "Interlock is faster →" };

const FOUR = "4 processes";

/** The operations that README.md compares with rivals. */
const MAIN: readonly string[] = [
  NAMES["atomics/add"],
  NAMES["mutex/lock, increment, unlock"],
  NAMES["async_acquire/acquire, release"],
  NAMES["values/shared value under a mutex"],
  NAMES["file_lock/lock, unlock"],
  NAMES["file_lock/acquire, release"],
  NAMES["file_counter/add"],
  NAMES["file_counter/add, durable"],
  NAMES["redis/counter add"],
  NAMES["redis/lock: acquire, release"],
  NAMES["start_up/command under a file lock"],
];

/**
 * All comparisons that the results allow, from best to worst: with rivals that do the same work,
 * and with the rivals that goals name.
 */
export function matchesOf({ rows, goals }: Pick<Results, "rows" | "goals">): Match[] {
  const named = new Set(goals.map(({ row, of }) => `${row} ${of}`));
  // The chart of scaling has the other sizes.
  const { ours = [], theirs = [] } = Object.groupBy(
    rows.filter(({ setting, count }) => setting === "alone" || `${count} ${setting}` === FOUR),
    ({ by }) => by === "interlock" ? "ours" : by === "empty program" ? "none" : "theirs",
  );
  const pairs = theirs.flatMap((theirs) =>
    ours.filter((row) => row.runtime !== "mixed" && row.median > 0).filter((row) =>
      isSameWork(row, theirs) && isSameMedium(row, theirs) || named.has(`${row.id} ${theirs.id}`)
    ).map((ours) => ({ ours, theirs, ratio: theirs.median / ours.median }))
  );
  const groups = Map.groupBy(
    pairs,
    ({ ours, theirs }) =>
      [ours, theirs].map(({ id, runtime }) => id.replace(`/${runtime}/`, "/-/")).join(" "),
  );
  return [...groups.values()].map((pairs) => matchOf(pairs)).sort((a, b) => b.mean - a.mean);
}

function matchOf(pairs: readonly { ours: Row; theirs: Row; ratio: number }[]): Match {
  const [{ ours, theirs }] = pairs;
  const isSame = isSameWork(ours, theirs) &&
    !OTHER_WORK.includes(`${theirs.subject}/${theirs.operation}/${theirs.by}`);
  const work = theirs.operation.replace(" under a lock", "").replace(/[;:] .*$/, "");
  const rival = isSame ? rivalOf(theirs) : `${rivalOf(theirs)}, other work: ${work}`;
  const members = ours.count > 1 ? FOUR : undefined;
  return {
    label: nameOf(ours),
    note: `${members === undefined ? "" : `${members}, `}against ${rival}`,
    members,
    rival,
    isSame,
    dots: pairs.map(({ ours, theirs, ratio }) => ({
      name: SERIES_NAMES[ours.runtime!],
      value: ratio,
      text: `${duration(ours.median)} : ${duration(theirs.median)}`,
    })),
    mean: geometricMean(pairs.map(({ ratio }) => ratio)),
  };
}

/** Whether both are the same operation; a rival may have variants of it, named after a semicolon. */
function isSameWork(ours: Row, theirs: Row): boolean {
  const operation = theirs.operation.replace(/; .*$/, "");
  return ours.subject === theirs.subject && ours.setting === theirs.setting &&
    (theirs.runtime ?? ours.runtime) === ours.runtime &&
    [ours.operation, SAME_WORK[`${ours.subject}/${ours.operation}`]].includes(operation);
}

/** A rival without a medium may keep its state in the memory of its process. */
function isSameMedium(ours: Row, { medium }: Row): boolean {
  return ours.medium === medium || (medium === "none" && ours.medium === "anonymous");
}

/** How does it compare with rivals? */
export function againstRivals(results: Results): Answer {
  const all = matchesOf(results);
  const same = all.filter(({ isSame }) => isSame);
  return {
    id: "rivals",
    question: "How does it compare with rivals?",
    answer: sentences(results, "rivals", said(same)),
    reading:
      "How many times faster Interlock is than the rival at the same work in the same run; " +
      "left of 1 it is slower. The least and the most of the runtimes are at the right.",
    chart: comparison("times", same, TEXTS).chart,
    main: comparison("times", mainOf(same), TEXTS).chart,
    table: comparison("times", all, { ...TEXTS, summary: "times faster" }).table,
  };
}

/** The main comparisons, each rival once: alone, or else with several processes. */
function mainOf(matches: readonly Match[]): Match[] {
  const keyOf = ({ label, rival }: Match) => `${label}/${rival}`;
  const alone = matches.filter(({ members }) => members === undefined).map(keyOf);
  return matches.filter((match) =>
    MAIN.includes(match.label) && (match.members === undefined || !alone.includes(keyOf(match)))
  );
}

function said(matches: readonly Match[]): (string | false)[] {
  const [best, worst] = [matches[0], matches[matches.length - 1]];
  if (best === undefined) return [];
  const faster = matches.filter(({ dots }) => dots.every(({ value }) => value > 1 + EQUAL)).length;
  const slower = matches.filter(({ dots }) => dots.every(isSlower)).length;
  const named = ({ label, members }: Match) => [label, members].filter(Boolean).join(", ");
  const lead = `**${rangeOf(best.dots, times)} times** as fast as ${best.rival}`;
  const deficit = `**${rangeOf(inverse(worst), times)} times** as long as ${worst.rival}`;
  return [
    `Faster in every runtime in **${faster} of ${matches.length}** comparisons of the same work, ` +
    `slower in every runtime in ${slower}, equal within ${100 * EQUAL} % or dependent on the ` +
    `runtime in ${matches.length - faster - slower}.`,
    best.mean > 1 && `Largest lead: ${named(best)}, ${lead}.`,
    worst.mean < 1 && `Largest deficit: ${named(worst)} takes ${deficit}.`,
  ];
}

function isSlower({ value }: { readonly value: number }): boolean {
  return value < 1 - EQUAL;
}

function inverse({ dots }: Match) {
  return dots.map((dot) => ({ ...dot, value: 1 / dot.value }));
}

/** The comparisons in which Interlock is slower in some runtime, the worst first. */
export function losses(results: Pick<Results, "rows" | "goals">): Table {
  const slower = matchesOf(results).filter(({ dots }) => dots.some(isSlower)).reverse();
  const rows = slower.map((match) => ({ ...match, aside: rangeOf(inverse(match), multiple) }));
  return comparison("times", rows, { ...TEXTS, summary: "times as long" }).table;
}
