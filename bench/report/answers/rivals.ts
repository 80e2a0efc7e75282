import type { Results, Row } from "../../results.ts";
import { type Answer, dotOf, type Table, unanswered } from "./answer.ts";
import { type CompactRow, drawCompact } from "../charts/compact.ts";
import { duration, geometricMean, RUNTIMES, SERIES_NAMES, seriesOf, times } from "../figures.ts";
import { MAIN, nameOf, rivalOf } from "../names.ts";
import type { Look } from "../charts/chart.ts";
import type { TopLevelSpec } from "vega-lite";

/** Our rows of an operation beside one rival's. */
export interface Match {
  readonly label: string;
  /** How many processes at once, if there are several. */
  readonly members?: string;
  readonly rival: string;
  readonly pairs: readonly { readonly ours: Row; readonly theirs: Row; readonly ratio: number }[];
  /** How many times faster we are; the geometric mean of the runtimes. */
  readonly mean: number;
}

/** The variant of an operation, after its name. */
const VARIANT = /; .*$/;
/** The settings that are compared; the chart of scaling has the others. */
const SETTINGS = [["alone", 1], ["processes", 4]] as const;
/** Means this close to 1 count as equal. */
const EQUAL = 0.05;

/**
 * All comparisons that the results allow, from best to worst: with rivals that do the same work,
 * and with the rivals that goals name.
 */
export function matchesOf(results: Pick<Results, "rows" | "goals">): Match[] {
  const groups = new Map<string, Match["pairs"][number][]>();
  for (const { ours, theirs } of [...sameWork(results), ...goalPairs(results)]) {
    if (ours.median === 0) continue;
    const key = [ours, theirs].map(({ subject, operation, by, setting, count, medium }) =>
      [subject, operation, by, setting, count, medium].join("/")
    ).join(" ");
    const pairs = groups.get(key) ?? [];
    if (pairs.some((pair) => pair.ours === ours)) continue;
    groups.set(key, [...pairs, { ours, theirs, ratio: theirs.median / ours.median }]);
  }
  return [...groups.values()].map((pairs): Match => {
    const [{ ours, theirs }] = pairs;
    const same = ours.operation === theirs.operation.replace(VARIANT, "");
    return {
      label: nameOf(ours),
      members: ours.count > 1 ? `${ours.count} ${ours.setting}` : undefined,
      rival: same ? rivalOf(theirs) : `${rivalOf(theirs)}'s ${briefly(theirs.operation)}`,
      pairs: pairs.toSorted((a, b) => rank(a.ours) - rank(b.ours)),
      mean: geometricMean(pairs.map(({ ratio }) => ratio)),
    };
  }).sort((a, b) => b.mean - a.mean);
}

interface Pair {
  readonly ours: Row;
  readonly theirs: Row;
}

function sameWork({ rows }: Pick<Results, "rows">): Pair[] {
  const ours = rows.filter(({ by, runtime }) => by === "interlock" && runtime !== "mixed");
  return rows.filter((row) => isRival(row) && isShown(row)).flatMap((theirs) => {
    const operation = theirs.operation.replace(VARIANT, "");
    const same = ours.filter((row) =>
      row.subject === theirs.subject && row.operation === operation &&
      row.setting === theirs.setting && row.count === theirs.count &&
      (theirs.runtime === undefined || row.runtime === theirs.runtime)
    );
    const twins = same.filter(({ medium }) => medium === theirs.medium);
    // A rival without a medium keeps its state in the memory of its process.
    const memory = ["anonymous", "mapped"].map((medium) =>
      same.filter((row) => row.medium === medium)
    ).find((rows) => rows.length > 0);
    const all = twins.length > 0 ? twins : theirs.medium === "none" ? memory ?? [] : [];
    return all.map((ours) => ({ ours, theirs }));
  });
}

function goalPairs({ rows, goals }: Pick<Results, "rows" | "goals">): Pair[] {
  const byId = new Map(rows.map((row) => [row.id, row]));
  return goals.flatMap(({ row, of }) => {
    const [ours, theirs] = [byId.get(row), byId.get(of ?? "")];
    if (ours === undefined || theirs === undefined || ours.runtime === "mixed") return [];
    return isRival(theirs) && isShown(ours) ? [{ ours, theirs }] : [];
  });
}

function isRival({ by }: Row): boolean {
  return by !== "interlock" && by !== "empty program";
}

function isShown({ setting, count }: Row): boolean {
  return SETTINGS.some(([shown, of]) => setting === shown && count === of);
}

/** An operation in two or three words. */
function briefly(operation: string): string {
  return operation.replace(" under a lock", "").replace(/[;:] .*$/, "");
}

function rank({ runtime }: Row): number {
  return RUNTIMES.findIndex((name) => name === runtime);
}

/** How does it compare with rivals? */
export function againstRivals(results: Results): Answer {
  const matches = matchesOf(results);
  return {
    id: "rivals",
    question: "How does it compare with rivals?",
    answer: sentence(matches),
    reading:
      "How many times faster Interlock is than the rival at the same work in the same run; " +
      "left of 1 it is slower. The geometric mean of the runtimes is at the right.",
    ...matches.length > 0 && {
      draw: (look) => drawMatches(matches, look),
      front: (look) => drawMatches(mainOf(matches), look),
    },
    table: tableFor(matches),
  };
}

/** The main comparisons, each rival once: alone, or with several processes if not measured alone. */
function mainOf(matches: readonly Match[]): Match[] {
  return matches.filter((match) =>
    MAIN.has(match.label) && (match.members === undefined ||
      matches.every(({ label, rival, members }) =>
        label !== match.label || rival !== match.rival || members !== undefined
      ))
  );
}

function drawMatches(matches: readonly Match[], look: Look): TopLevelSpec {
  const rows = matches.map(({ label, members, rival, pairs, mean }): CompactRow => ({
    label,
    note: `${members === undefined ? "" : `${members}, `}against ${rival}`,
    aside: `${times(mean)}×`,
    dots: pairs.map(({ ours, ratio }) => ({
      ...dotOf(ours),
      value: ratio,
      least: ratio,
      most: ratio,
    })),
  }));
  const mark = { at: 1, below: "slower", above: "Interlock is faster" };
  return drawCompact({ rows, unit: "times", aside: "mean", mark }, look);
}

function sentence(matches: readonly Match[]): string {
  if (matches.length === 0) return unanswered("rivals");
  const best = matches[0];
  const worst = matches[matches.length - 1];
  const behind = matches.filter(isSlower);
  const ahead = matches.filter(({ mean }) => mean > 1 + EQUAL);
  const percent = Math.round(100 * EQUAL);
  const equal = matches.length - ahead.length - behind.length;
  const sentences = [
    `Faster in **${ahead.length} of ${matches.length}** comparisons, slower in ${behind.length}${
      equal === 0 ? "" : `, equal within ${percent} % in ${equal}`
    }.`,
  ];
  if (best.mean > 1) {
    sentences.push(
      `Largest lead: ${named(best)}, **${times(best.mean)} times** as fast as ${best.rival}.`,
    );
  }
  if (worst.mean < 1) {
    sentences.push(
      `Largest deficit: ${named(worst)} takes **${times(1 / worst.mean)} times** as long as ` +
        `${worst.rival}.`,
    );
  }
  return sentences.join(" ");
}

function named({ label, members }: Match): string {
  return members === undefined ? label : `${label}, ${members}`;
}

function tableFor(matches: readonly Match[]): Table {
  return {
    head: ["", "rival", "runtime", "ours", "rival's", "times faster"],
    rows: matches.flatMap((match) =>
      match.pairs.map(({ ours, theirs, ratio }) => [
        named(match),
        match.rival,
        SERIES_NAMES[seriesOf(ours)],
        duration(ours.median),
        duration(theirs.median),
        times(ratio),
      ])
    ),
  };
}

function isSlower({ mean }: Match): boolean {
  return mean < 1 - EQUAL;
}

/** The comparisons in which Interlock is slower, the worst first. */
export function losses(results: Pick<Results, "rows" | "goals">): Match[] {
  return matchesOf(results).filter(isSlower).reverse();
}
