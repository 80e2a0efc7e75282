import type { Results, Row } from "../../results.ts";
import { type Answer, dotOf, type Table, unanswered } from "./answer.ts";
import { type CompactRow, drawCompact } from "../charts/compact.ts";
import {
  duration,
  geometricMean,
  HAND_NAMES,
  handOf,
  listed,
  RUNTIMES,
  times,
} from "../figures.ts";
import { nameOf, rivalOf } from "../names.ts";

/** Our rows of an operation beside one rival's. */
export interface Match {
  readonly label: string;
  /** How many do it at once, where they are several. */
  readonly crowd?: string;
  readonly rival: string;
  readonly pairs: readonly { readonly ours: Row; readonly theirs: Row; readonly ratio: number }[];
  /** How many times faster we are; the geometric mean of the runtimes. */
  readonly mean: number;
}

const SETTINGS = [["alone", 1], ["processes", 4]] as const;

/** All comparisons that the results allow, from the best to the worst. */
export function matchesOf({ rows }: Pick<Results, "rows">): Match[] {
  const ours = rows.filter(({ by, runtime }) => by === "interlock" && runtime !== "mixed");
  const groups = new Map<string, { ours: Row; theirs: Row; ratio: number }[]>();
  for (const theirs of rows) {
    if (theirs.by === "interlock" || theirs.by === "empty program") continue;
    if (
      !SETTINGS.some(([setting, count]) => theirs.setting === setting && theirs.count === count)
    ) {
      continue;
    }
    const operation = theirs.operation.replace(/, not robust$/, "");
    const same = ours.filter((row) =>
      row.subject === theirs.subject && row.operation === operation &&
      row.setting === theirs.setting && row.count === theirs.count &&
      (theirs.runtime === undefined || row.runtime === theirs.runtime)
    );
    const twins = same.filter(({ medium }) => medium === theirs.medium);
    // A rival that has no medium keeps its state in the memory of its process.
    const all = twins.length > 0 ? twins : same.filter(({ medium }) => medium === "anonymous");
    for (const row of all) {
      if (row.median === 0) continue;
      const key = [theirs.subject, theirs.operation, theirs.by, theirs.setting].join("/");
      const pair = { ours: row, theirs, ratio: theirs.median / row.median };
      groups.set(key, [...groups.get(key) ?? [], pair]);
    }
  }
  return [...groups.values()].map((pairs): Match => {
    const [{ ours, theirs }] = pairs;
    return {
      label: nameOf(ours),
      crowd: ours.count > 1 ? `${ours.count} ${ours.setting}` : undefined,
      rival: rivalOf(theirs),
      pairs: [...pairs].sort((a, b) => rank(a.ours) - rank(b.ours)),
      mean: geometricMean(pairs.map(({ ratio }) => ratio)),
    };
  }).sort((a, b) => b.mean - a.mean);
}

function rank({ runtime }: Row): number {
  return RUNTIMES.findIndex((name) => name === runtime);
}

/** Against the rivals? */
export function againstRivals(results: Results): Answer {
  const matches = matchesOf(results);
  const rows = matches.map(({ label, crowd, rival, pairs, mean }): CompactRow => ({
    label,
    note: `${crowd === undefined ? "" : `${crowd}, `}against ${rival}`,
    aside: `${times(mean)}×`,
    dots: pairs.map(({ ours, ratio }) => ({
      ...dotOf(ours),
      value: ratio,
      least: ratio,
      most: ratio,
    })),
  }));
  return {
    id: "rivals",
    question: "Against the rivals?",
    answer: sentence(matches),
    reading:
      "How many times faster Interlock is than the rival at the same work in the same run; " +
      "left of 1 it is slower. At the right the geometric mean of the runtimes.",
    ...rows.length > 0 && {
      draw: (look) =>
        drawCompact({
          rows,
          unit: "times",
          aside: "mean",
          mark: { at: 1, below: "slower", above: "Interlock is faster" },
        }, look),
    },
    table: tableFor(matches),
  };
}

function sentence(matches: readonly Match[]): string {
  if (matches.length === 0) return unanswered("rivals");
  const best = matches[0];
  const worst = matches[matches.length - 1];
  const behind = matches.filter(({ mean }) => mean < 0.95);
  const ahead = matches.filter(({ mean }) => mean > 1.05);
  const sentences = [
    `Faster in **${ahead.length} of ${matches.length}** comparisons, ` +
    `slower in ${behind.length}, the same within 5 % in the others.`,
  ];
  if (best.mean > 1) {
    sentences.push(
      `Furthest ahead: ${named(best)}, **${times(best.mean)} times** as fast as ${best.rival}.`,
    );
  }
  if (worst.mean < 1) {
    sentences.push(
      `Furthest behind: ${named(worst)}, which takes **${
        times(1 / worst.mean)
      } times** as long as ` +
        `${worst.rival} does.`,
    );
  }
  return sentences.join(" ");
}

function named({ label, crowd }: Match): string {
  return crowd === undefined ? label : `${label}, ${crowd}`;
}

function tableFor(matches: readonly Match[]): Table {
  return {
    head: ["", "rival", "runtime", "ours", "rival's", "times faster"],
    rows: matches.flatMap((match) =>
      match.pairs.map(({ ours, theirs, ratio }) => [
        named(match),
        match.rival,
        HAND_NAMES[handOf(ours)],
        duration(ours.median),
        duration(theirs.median),
        times(ratio),
      ])
    ),
  };
}

/** Where we lose, and by how much, in words: for the documentation. */
export function losses(results: Pick<Results, "rows">): Match[] {
  return matchesOf(results).filter(({ mean }) => mean < 0.95).reverse();
}

/** The rivals of some matches: "C, Python and redlock". */
export function rivalsOf(matches: readonly Match[]): string {
  return listed([...new Set(matches.map(({ rival }) => rival))]);
}
