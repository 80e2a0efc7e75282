import type { Results, Row } from "../../results.ts";
import { type Answer, dotOf, type Entry, rowsIn, type Table, unanswered } from "./answer.ts";
import { COUNTERS } from "./which_counter.ts";
import { LOCKS } from "./which_lock.ts";
import { type CompactRow, drawCompact } from "../charts/compact.ts";
import {
  duration,
  fastest,
  geometricMean,
  listed,
  type RuntimeName,
  RUNTIMES,
  SERIES_NAMES,
  times,
} from "../figures.ts";

/** A runtime within this ratio of the fastest counts as fastest too. */
const SAME = 1.05;
const NAMES = RUNTIMES.map((runtime) => SERIES_NAMES[runtime]);

interface Measured {
  readonly label: string;
  readonly rows: readonly Row[];
  readonly best: Row;
}

function measuredOf(results: Results): Measured[] {
  return [...COUNTERS, ...LOCKS].flatMap((entry: Entry) => {
    const rows = rowsIn(results, entry);
    const best = fastest(rows);
    if (rows.length < 2 || best === undefined || best.median === 0) return [];
    const repeated = LOCKS.filter(({ label }) => label === entry.label).length > 1;
    const label = repeated ? `${entry.label} (${entry.note})` : entry.label;
    return [{ label, rows, best }];
  });
}

/** How many times as long a runtime takes as the fastest one, over all that was measured. */
export function standing(
  measured: readonly Pick<Measured, "rows" | "best">[],
  runtime: RuntimeName,
): { readonly first: number; readonly mean: number; readonly of: number } {
  const ratios = measured.flatMap(({ rows, best }) => {
    const row = rows.find((row) => row.runtime === runtime);
    return row === undefined ? [] : [row.median / best.median];
  });
  return {
    first: ratios.filter((ratio) => ratio < SAME).length,
    mean: ratios.length === 0 ? NaN : geometricMean(ratios),
    of: ratios.length,
  };
}

/** Which runtime? */
export function whichRuntime(results: Results): Answer {
  const measured = measuredOf(results);
  const all = RUNTIMES.map((runtime) => ({ runtime, ...standing(measured, runtime) }))
    .filter(({ of }) => of > 0)
    .sort((a, b) => a.mean - b.mean);
  const rows = measured.map(({ label, rows, best }): CompactRow => ({
    label,
    aside: `${SERIES_NAMES[best.runtime ?? "mixed"]} ${duration(best.median)}`,
    dots: rows.map((row) => {
      const by = best.median;
      return {
        ...dotOf(row),
        value: row.median / by,
        least: row.median / by,
        most: row.median / by,
      };
    }),
  }));
  return {
    id: "runtime",
    question: "Which runtime?",
    answer: all.length < 2 ? unanswered("more than one runtime") : sentence(all),
    reading: "Multiples of the time of the fastest runtime, which is named at the right.",
    ...rows.length > 0 && all.length > 1 &&
      { draw: (look) => drawCompact({ rows, unit: "times", aside: "fastest" }, look) },
    table: tableFor(measured),
  };
}

function sentence(
  [best, ...others]: readonly { runtime: RuntimeName; first: number; mean: number; of: number }[],
): string {
  const rest = others.map(({ runtime, mean }) =>
    `${SERIES_NAMES[runtime]} takes ${times(mean / best.mean)} times`
  );
  return `**${SERIES_NAMES[best.runtime]}** is the fastest, or within ${
    Math.round(100 * (SAME - 1))
  } % of the fastest, in ${best.first} of ${best.of} operations. Over all of them, ${
    listed(rest)
  } as long (geometric mean).`;
}

function tableFor(measured: readonly Measured[]): Table {
  return {
    head: ["", ...NAMES, "fastest"],
    rows: measured.map(({ label, rows, best }) => [
      label,
      ...RUNTIMES.map((runtime) => {
        const row = rows.find((row) => row.runtime === runtime);
        return row === undefined ? "–" : `${times(row.median / best.median)}×`;
      }),
      `${SERIES_NAMES[best.runtime ?? "mixed"]}, ${duration(best.median)}`,
    ]),
  };
}
