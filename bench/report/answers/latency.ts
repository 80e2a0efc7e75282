import type { Latency, Results, Row } from "../../results.ts";
import { type Answer, comparison, sentences } from "./answer.ts";
import { duration, range, RUNTIMES, SERIES_NAMES, times } from "../figures.ts";
import { nameOf, NAMES } from "../names.ts";

const ORDER = [...RUNTIMES, "c"] as const;
const SAID: readonly [keyof typeof NAMES, string][] = [
  ["mutex/hand-over", "the next thread gets a Mutex after"],
  ["mutex/hand-over to a task", "a waiting task gets one after"],
  ["file_lock/hand-over", "the next process gets a FileLock after"],
  ["file_lock/hand-over to a task", "a waiting task gets one after"],
  ["async_acquire/acquire, release; each timed", "await of a free Mutex takes"],
];

/** A row that was timed call by call. */
interface Timed extends Latency {
  readonly row: Row;
  readonly name: string;
}

/** The rows of each operation that was timed call by call, C's last. */
function timed({ rows }: Results): Map<string, Timed[]> {
  const all = ORDER.flatMap((series) =>
    rows.filter(({ by, runtime, latency, medium }) =>
      // The other questions are about mapped memory too.
      latency !== undefined && medium !== "anonymous" &&
      (by === "interlock" ? runtime : by) === series
    ).map((row) => ({ row, name: SERIES_NAMES[series], ...row.latency! }))
  );
  return Map.groupBy(all, ({ row }) => nameOf(row));
}

/** How long until it is my turn? */
export function latencies(results: Results): Answer {
  const groups = timed(results);
  const said = SAID.filter(([key]) => groups.has(NAMES[key]))
    .map(([key, text]) => `${text} ${medianOf(groups.get(NAMES[key])!)}`);
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
function medianOf(all: readonly Timed[]): string {
  const c = all.find(({ row }) => row.by === "c")?.p50;
  const ours = all.filter(({ row }) => row.by === "interlock").map(({ p50 }) => p50);
  if (ours.length === 0) return "–";
  const against = c && ` (${range(ours.map((ns) => ns / c), times)} times C's)`;
  return `**${range(ours, duration)}**${against ?? ""}`;
}
