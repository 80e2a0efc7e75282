import type { Results, Row } from "../../results.ts";
import {
  type Answer,
  type Entry,
  entry,
  rangeOf,
  ratiosOf,
  sentences,
  type Table,
} from "./answer.ts";
import type { LinePoint } from "../charts/chart.ts";
import { duration, listed, rowsOf, RUNTIMES, SERIES_NAMES, times } from "../figures.ts";

const ATOMIC = entry("atomics/add", "mapped");
const STRIPED = entry("atomics/striped add", "mapped");
const MUTEX = entry("mutex/lock, increment, unlock", "mapped");
/** The operations that are measured with many at once; those of a group have the same axes. */
const GROUPS: readonly (readonly Entry[])[] = [
  [ATOMIC, STRIPED, MUTEX],
  [
    entry("file_lock/lock, unlock", "file"),
    entry("file_counter/add", "file"),
    entry("file_counter/add, durable", "file"),
  ],
];
/** All of them. */
export const SUBJECTS: readonly Entry[] = GROUPS.flat();

const BY = [
  ...[...RUNTIMES, "mixed" as const].map((runtime) => [runtime, { runtime }] as const),
  ["c", { by: "c" }],
] as const;
const SIZES = [1, 2, 4, 16, 64];

/** A series of an operation with several at once, by the number of them. */
function seriesFor(results: Results, { wanted }: Entry, setting: "processes" | "workers") {
  const medium = setting === "workers" && wanted.medium === "mapped" ? "anonymous" : wanted.medium;
  const { subject, operation, by } = wanted;
  return BY.map(([series, whose]) => ({
    series,
    name: SERIES_NAMES[series],
    rows: rowsOf(results, { subject, operation, medium, by, setting, ...whose })
      .toSorted((a, b) => a.count - b.count),
  }));
}

/** How does it scale? */
export function scaling(results: Results): Answer {
  const groups = GROUPS.map((group) => group.flatMap((subject) => linesOf(results, subject)))
    .filter((points) => points.length > 0);
  return {
    id: "scaling",
    question: "How does it scale?",
    answer: sentences(
      [growth(results), workersAgainstProcesses(results)],
      "several processes at once",
    ),
    reading: `Time in which all processes together complete one operation, by the number of ` +
      `processes; ${results.machine.cores} cores. A flat line means that contention costs nothing.`,
    ...groups.length > 0 && { chart: { unit: "ns", groups } },
    table: tableFor(results),
  };
}

function linesOf(results: Results, subject: Entry): LinePoint[] {
  const lines = seriesFor(results, subject, "processes")
    .filter(({ series, rows }) => series !== "mixed" && rows.length > 1);
  if (!lines.some(({ series }) => series !== "c")) return [];
  return lines.flatMap(({ name, rows }) =>
    rows.map(({ count, median }) => ({ panel: subject.label, name, count, value: median }))
  );
}

/** How the time of an increment grows from one process to the largest number measured. */
function growth(results: Results): string {
  const at = (
    { wanted }: Entry,
    count: number,
  ) => ({ ...wanted, setting: "processes", count } as const);
  const most = SIZES.findLast((count) =>
    ratiosOf(results, at(MUTEX, count), at(MUTEX, 1)).length > 0
  );
  if (most === undefined || most === 1) return "";
  const grown = [MUTEX, ATOMIC, STRIPED].flatMap((subject) => {
    const ratios = ratiosOf(results, at(subject, most), at(subject, 1));
    const [name] = subject.label.split(/[.,]/);
    return ratios.length === 0 ? [] : [`**${rangeOf(ratios, times)} times** as long on ${name}`];
  });
  return `Compared with one process, an increment by ${most} processes at once takes ${
    listed(grown)
  }.`;
}

/** Compares 4 threads of one process with 4 processes. */
function workersAgainstProcesses(results: Results): string | false {
  const four = { ...MUTEX.wanted, count: 4 };
  const ratios = ratiosOf(
    results,
    { ...four, medium: "anonymous", setting: "workers" },
    { ...four, setting: "processes" },
  );
  return ratios.length > 0 && "Four workers of one process take " +
      `${rangeOf(ratios, times)} times as long as four processes.`;
}

function tableFor(results: Results): Table {
  const cell = (rows: readonly Row[], count: number) => {
    const row = rows.find((row) => row.count === count);
    return row === undefined ? "–" : duration(row.median);
  };
  const rows = SUBJECTS.flatMap((subject) =>
    (["processes", "workers"] as const).flatMap((setting) =>
      seriesFor(results, subject, setting).filter(({ rows }) => rows.length > 0)
        .map(({ name, rows }) => [
          `${subject.label}, ${setting}`,
          name,
          ...SIZES.map((count) => cell(rows, count)),
        ])
    )
  );
  return { head: ["", "", ...SIZES.map(String)], rows };
}
