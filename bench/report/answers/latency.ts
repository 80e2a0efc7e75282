import type { Results, Row } from "../../results.ts";
import { type Answer, dotOf, type Table, unanswered } from "./answer.ts";
import { type DotRow, drawDots } from "../charts/dots.ts";
import { duration, geometricMean, RUNTIMES, SERIES_NAMES, seriesOf, times } from "../figures.ts";
import { nameOf } from "../names.ts";

type Timed = Row & { readonly latency: NonNullable<Row["latency"]> };

const ORDER: readonly string[] = [...RUNTIMES, "c"];

function timed({ rows }: Results): Map<string, Timed[]> {
  const groups = new Map<string, Timed[]>();
  for (const row of rows) {
    if (row.latency === undefined || !ORDER.includes(seriesOf(row))) continue;
    if (row.medium === "anonymous") continue; // The other questions are about mapped memory too.
    const label = nameOf(row);
    groups.set(label, [...groups.get(label) ?? [], row as Timed]);
  }
  for (const rows of groups.values()) {
    rows.sort((a, b) => ORDER.indexOf(seriesOf(a)) - ORDER.indexOf(seriesOf(b)));
  }
  return groups;
}

/** How long until it is my turn? */
export function latencies(results: Results): Answer {
  const groups = timed(results);
  const rows = [...groups].map(([label, all]): DotRow => ({
    label,
    note: all[0].count > 1 ? `${all[0].count} ${all[0].setting}` : "alone",
    dots: all.map((row) => ({
      ...dotOf(row),
      value: row.latency.p50,
      least: row.latency.p50,
      most: row.latency.p999,
      ticks: [row.latency.p99, row.latency.p999],
    })),
  }));
  return {
    id: "latency",
    question: "How long until it is my turn?",
    answer: sentence(groups) || unanswered("hand-over and awaited locks"),
    reading: "Time from the release of the lock, or from the request for a free one, to the " +
      "acquisition. The point is the median; the ticks are at 99 % and 99.9 %.",
    ...rows.length > 0 && { draw: (look) => drawDots({ rows, unit: "ns" }, look) },
    table: tableFor(groups),
  };
}

function sentence(groups: ReadonlyMap<string, readonly Timed[]>): string {
  const of = (label: string): string | undefined => {
    const rows = groups.get(label) ?? [];
    const ours = rows.filter(({ by }) => by === "interlock");
    if (ours.length === 0) return undefined;
    const p50 = geometricMean(ours.map(({ latency }) => latency.p50));
    const c = rows.find(({ by }) => by === "c");
    const against = c === undefined ? "" : ` (${times(p50 / c.latency.p50)} times C's)`;
    return `**${duration(p50)}**${against}`;
  };
  const said = ([
    ["Mutex, hand-over", "the next thread gets a Mutex after"],
    ["Mutex, hand-over to a task", "a waiting task gets one after"],
    ["FileLock, hand-over", "the next process gets a FileLock after"],
    ["FileLock, hand-over to a task", "a waiting task gets one after"],
    ["Mutex, awaited", "await of a free Mutex takes"],
  ] as const).flatMap(([label, text]) => {
    const figure = of(label);
    return figure === undefined ? [] : [`${text} ${figure}`];
  });
  return said.length === 0 ? "" : `Medians: ${said.join("; ")}.`;
}

function tableFor(groups: ReadonlyMap<string, readonly Timed[]>): Table {
  return {
    head: ["", "by", "median", "99 %", "99.9 %", "longest"],
    rows: [...groups].flatMap(([label, rows]) =>
      rows.map((row) => [
        label,
        SERIES_NAMES[seriesOf(row)],
        ...[row.latency.p50, row.latency.p99, row.latency.p999, row.latency.max].map(duration),
      ])
    ),
  };
}
