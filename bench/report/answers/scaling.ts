import type { Results, Row } from "../../results.ts";
import { type Answer, meanRatio, type Table, unanswered } from "./answer.ts";
import {
  duration,
  listed,
  type RowFilter,
  rowsOf,
  RUNTIMES,
  type Series,
  SERIES_NAMES,
  times,
} from "../figures.ts";
import { drawLines, type Line, type Panel } from "../charts/lines.ts";

interface Subject {
  readonly title: string;
  readonly group: string;
  readonly wanted: RowFilter;
}

const ATOMIC: Subject = {
  title: "AtomicCounter, add",
  group: "memory",
  wanted: { subject: "atomics", operation: "add", medium: "mapped" },
};
const STRIPED: Subject = {
  title: "StripedCounter, add",
  group: "memory",
  wanted: { subject: "atomics", operation: "striped add", medium: "mapped" },
};
const MUTEX: Subject = {
  title: "Mutex, increment",
  group: "memory",
  wanted: { subject: "mutex", operation: "lock, increment, unlock", medium: "mapped" },
};
/** The operations that are measured with many at once. */
export const SUBJECTS: readonly Subject[] = [
  ATOMIC,
  STRIPED,
  MUTEX,
  {
    title: "FileLock, bare pair",
    group: "files",
    wanted: { subject: "file_lock", operation: "lock, unlock", medium: "file" },
  },
  {
    title: "FileCounter, add",
    group: "files",
    wanted: { subject: "file_counter", operation: "add", medium: "file" },
  },
  {
    title: "FileCounter, durable add",
    group: "files",
    wanted: { subject: "file_counter", operation: "add, durable", medium: "file" },
  },
];
const SERIES: readonly Series[] = [...RUNTIMES, "c"];

function rowsFor(results: Results, { wanted }: Subject, series: Series): Row[] {
  const whose = series === "c"
    ? { by: "c" }
    : { by: "interlock", runtime: series as Row["runtime"] };
  return rowsOf(results, { ...wanted, setting: "processes", ...whose })
    .sort((a, b) => a.count - b.count);
}

function linesOf(results: Results, subject: Subject): Line[] {
  return SERIES.flatMap((series) => {
    const points = rowsFor(results, subject, series)
      .map(({ count, median }) => ({ count, value: median }));
    return points.length < 2 ? [] : [{ series, name: SERIES_NAMES[series], points }];
  });
}

/** How does it scale? */
export function scaling(results: Results): Answer {
  const panels = SUBJECTS.flatMap((subject): Panel[] => {
    const lines = linesOf(results, subject);
    return lines.some(({ series }) => series !== "c")
      ? [{ title: subject.title, group: subject.group, lines }]
      : [];
  });
  const sentences = growth(results);
  const workers = workersAgainstProcesses(results);
  if (workers !== undefined) sentences.push(workers);
  return {
    id: "scaling",
    question: "How does it scale?",
    answer: sentences.join(" ") || unanswered("several processes at once"),
    reading: `Time in which all processes together complete one operation, by the number of ` +
      `processes; ${results.machine.cores} cores. A flat line means that contention costs nothing.`,
    ...panels.length > 0 && { draw: (look) => drawLines({ panels, unit: "ns" }, look) },
    table: tableFor(results),
  };
}

/** How the time of an operation grows from one process to the largest number measured. */
function growth(results: Results): string[] {
  const all = [MUTEX, ATOMIC, STRIPED].flatMap(({ title, wanted }) => {
    const counts = rowsOf(results, { ...wanted, by: "interlock", setting: "processes" })
      .map(({ count }) => count);
    const most = Math.max(...counts);
    const at = (count: number): RowFilter => ({ ...wanted, setting: "processes", count });
    const ratio = counts.length === 0 || most === 1
      ? undefined
      : meanRatio(results, at(most), at(1));
    return ratio === undefined ? [] : [{ name: title.split(",")[0], most, ratio }];
  });
  if (all.length === 0) return [];
  const grown = all.map(({ name, ratio }) => `**${times(ratio)} times** as long on ${name}`);
  return [
    `Compared with one process, an increment by ${all[0].most} processes at once takes ${
      listed(grown)
    }.`,
  ];
}

/** Compares 4 threads of one process with 4 processes. */
function workersAgainstProcesses(results: Results): string | undefined {
  const wanted = { subject: "mutex", operation: "lock, increment, unlock", count: 4 };
  const ratio = meanRatio(
    results,
    { ...wanted, medium: "anonymous", setting: "workers" },
    { ...wanted, medium: "mapped", setting: "processes" },
  );
  if (ratio === undefined) return undefined;
  return ratio > 0.9 && ratio < 1.1
    ? "Four workers of one process are as fast as four processes."
    : `Four workers of one process take ${times(ratio)} times as long as four processes.`;
}

function tableFor(results: Results): Table {
  const rows = SUBJECTS.flatMap((subject) =>
    (["processes", "workers"] as const).flatMap((setting) => {
      const wanted = { ...subject.wanted };
      if (setting === "workers" && wanted.medium === "mapped") wanted.medium = "anonymous";
      return [...RUNTIMES, "mixed" as const, "c" as const].flatMap((series) => {
        const whose = series === "c" ? { by: "c" } : { by: "interlock", runtime: series };
        const found = rowsOf(results, { ...wanted, setting, ...whose });
        if (found.length === 0) return [];
        const at = (count: number) => found.find((row) => row.count === count);
        return [[
          `${subject.title}, ${setting}`,
          SERIES_NAMES[series],
          ...[1, 2, 4, 16, 64].map((count) => {
            const row = at(count);
            return row === undefined ? "–" : duration(row.median);
          }),
        ]];
      });
    })
  );
  return { head: ["", "", "1", "2", "4", "16", "64"], rows };
}
