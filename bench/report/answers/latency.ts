import type { Results, Row } from "../../results.ts";
import { type Answer, comparison, sentences } from "./answer.ts";
import { duration, range, RUNTIMES, SERIES_NAMES, times } from "../figures.ts";
import { nameOf, NAMES } from "../names.ts";

type Timed = Row & { readonly latency: NonNullable<Row["latency"]> };

const ORDER = [...RUNTIMES, "c"] as const;
const SAID: readonly [keyof typeof NAMES, string][] = [
  ["mutex/hand-over", "the next thread gets a Mutex after"],
  ["mutex/hand-over to a task", "a waiting task gets one after"],
  ["file_lock/hand-over", "the next process gets a FileLock after"],
  ["file_lock/hand-over to a task", "a waiting task gets one after"],
  ["async_acquire/acquire, release; each timed", "await of a free Mutex takes"],
];

/** The rows of each operation that was timed call by call. */
function timed({ rows }: Results): Map<string, Timed[]> {
  // The other questions are about mapped memory too.
  const all = rows.filter((row): row is Timed =>
    row.latency !== undefined && row.medium !== "anonymous" && rank(row) >= 0
  );
  const groups = Map.groupBy(all, nameOf);
  for (const rows of groups.values()) rows.sort((a, b) => rank(a) - rank(b));
  return groups;
}

function rank({ by, runtime }: Row): number {
  return ORDER.findIndex((series) => series === (by === "interlock" ? runtime : by));
}

function seriesOf(row: Row): string {
  return SERIES_NAMES[ORDER[rank(row)]];
}

/** How long until it is my turn? */
export function latencies(results: Results): Answer {
  const groups = timed(results);
  const said = SAID.flatMap(([key, text]) => {
    const figure = medianOf(groups.get(NAMES[key]) ?? []);
    return figure === "" ? [] : [`${text} ${figure}`];
  });
  const charted = [...groups].map(([label, rows]) => ({
    label,
    note: rows[0].count > 1 ? `${rows[0].count} ${rows[0].setting}` : "alone",
    dots: rows.map((row) => {
      const { p50, p99, p999 } = row.latency;
      return { name: seriesOf(row), value: p50, most: p999, ticks: [p99, p999] };
    }),
  }));
  const rows = [...groups].flatMap(([label, rows]) =>
    rows.map((row) => {
      const { p50, p99, p999, max } = row.latency;
      return [label, seriesOf(row), ...[p50, p99, p999, max].map(duration)];
    })
  );
  return {
    id: "latency",
    question: "How long until it is my turn?",
    answer: sentences(
      [said.length > 0 && `Medians: ${said.join("; ")}.`],
      "hand-over and awaited locks",
    ),
    reading: "Time from the release of the lock, or from the request for a free one, to the " +
      "acquisition. The point is the median; the ticks are at 99 % and 99.9 %.",
    ...comparison("ns", charted),
    table: { head: ["", "by", "median", "99 %", "99.9 %", "longest"], rows },
  };
}

/** From the fastest to the slowest runtime, also as a multiple of C's. */
function medianOf(rows: readonly Timed[]): string {
  const ours = rows.filter(({ by }) => by === "interlock").map(({ latency }) => latency.p50);
  if (ours.length === 0) return "";
  const c = rows.find(({ by }) => by === "c")?.latency.p50;
  const against = c && ` (${range(ours.map((ns) => ns / c), times)} times C's)`;
  return `**${range(ours, duration)}**${against ?? ""}`;
}
