import type { Results } from "../../results.ts";
import { type Answer, type Entry, entry, rangeOf, ratiosOf, sentences } from "./answer.ts";
import type { LinePoint } from "../charts/chart.ts";
import { duration, listed, rowsOf, RUNTIMES, SERIES_NAMES, times } from "../figures.ts";

const ATOMIC = entry("atomics/add");
const STRIPED = entry("atomics/striped add");
const MUTEX = entry("mutex/lock, increment, unlock");
/** The operations that are measured with many at once; those of a group have the same axes. */
const GROUPS: readonly (readonly Entry[])[] = [
  [ATOMIC, STRIPED, MUTEX],
  [
    entry("file_lock/lock, unlock"),
    entry("file_counter/add"),
    entry("file_counter/add, durable"),
  ],
];
/** All of them. */
export const SUBJECTS: readonly Entry[] = GROUPS.flat();

const SETTINGS = ["processes", "workers"] as const;
const SERIES = [...RUNTIMES, "mixed", "c"] as const;
const SIZES = [1, 2, 4, 16, 64];

/** The rows of an operation with several at once, by series. */
function seriesOf(results: Results, { wanted }: Entry, setting: typeof SETTINGS[number]) {
  const { subject, operation, medium } = wanted;
  return SERIES.flatMap((series) => {
    const rows = rowsOf(results, {
      ...{ subject, operation, setting },
      medium: setting === "workers" && medium === "mapped" ? "anonymous" : medium,
      ...series === "c" ? { by: "c" } : { by: "interlock", runtime: series },
    }).toSorted((a, b) => a.count - b.count);
    return rows.length === 0 ? [] : [{ series, name: SERIES_NAMES[series], rows }];
  });
}

/** How does it scale? */
export function scaling(results: Results): Answer {
  const groups = GROUPS.map((group) => group.flatMap((subject) => linesOf(results, subject)))
    .filter((points) => points.length > 0);
  const rows = SUBJECTS.flatMap((subject) =>
    SETTINGS.flatMap((setting) =>
      seriesOf(results, subject, setting).map(({ name, rows }) => {
        const times = new Map(rows.map(({ count, median }) => [count, duration(median)]));
        return [
          `${subject.label}, ${setting}`,
          name,
          ...SIZES.map((size) => times.get(size) ?? "–"),
        ];
      })
    )
  );
  return {
    id: "scaling",
    question: "How does it scale?",
    answer: sentences([growth(results), workers(results)], "several processes at once"),
    reading: `Time in which all processes together complete one operation, by the number of ` +
      `processes; ${results.machine.cores} cores. A flat line means that contention costs nothing.`,
    ...groups.length > 0 && { chart: { unit: "ns", groups } },
    table: { head: ["", "", ...SIZES.map(String)], rows },
  };
}

function linesOf(results: Results, subject: Entry): LinePoint[] {
  const lines = seriesOf(results, subject, "processes")
    .filter(({ series, rows }) => series !== "mixed" && rows.length > 1);
  if (lines.every(({ series }) => series === "c")) return [];
  return lines.flatMap(({ name, rows }) =>
    rows.map(({ count, median }) => ({ panel: subject.label, name, count, value: median }))
  );
}

/** How the time of an increment grows from one process to the largest number measured. */
function growth(results: Results): string {
  const ratios = ({ wanted }: Entry, count: number) => {
    const one = { ...wanted, setting: "processes", count: 1 } as const;
    return ratiosOf(results, { ...one, count }, one);
  };
  const most = SIZES.findLast((count) => count > 1 && ratios(MUTEX, count).length > 0);
  if (most === undefined) return "";
  const grown = [MUTEX, ATOMIC, STRIPED].filter((subject) => ratios(subject, most).length > 0)
    .map((subject) => {
      const [name] = subject.label.split(/[.,]/);
      return `**${rangeOf(ratios(subject, most), times)} times** as long on ${name}`;
    });
  return `Compared with one process, an increment by ${most} processes at once takes ` +
    `${listed(grown)}.`;
}

/** Compares 4 threads of one process with 4 processes. */
function workers(results: Results): string | false {
  const processes = { ...MUTEX.wanted, setting: "processes", count: 4 } as const;
  const four = { ...processes, medium: "anonymous", setting: "workers" } as const;
  const ratios = ratiosOf(results, four, processes);
  return ratios.length > 0 && "Four workers of one process take " +
      `${rangeOf(ratios, times)} times as long as four processes.`;
}
