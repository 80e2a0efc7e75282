import { type Results, type Row, rowId, type RowKey } from "./results.ts";
import { latencyOf, median } from "./statistics.ts";
import type { Step } from "./steps.ts";
import type { Figure } from "./subjects/subject.ts";

/** Is called for each step: before it begins, and after it, with its planned milliseconds. */
export interface Observer {
  begins(step: Step): void;
  ended(ms: number): void;
}

/**
 * Measures every step once per round, so that a disturbance of the machine affects all alike. Every
 * second round runs backwards, so that no step always follows the same one.
 *
 * @throws The error of one of our own steps. A rival that fails is left out and listed as missing.
 */
export async function measureRounds(
  steps: readonly Step[],
  rounds: number,
  signal: AbortSignal,
  observer: Observer,
): Promise<Pick<Results, "rows" | "missing">> {
  const taken: { readonly id: string; readonly figure: Figure }[] = [];
  const missing: Results["missing"] = [];
  const left = new Set(steps);
  const take = (row: RowKey, figure: Figure) => void taken.push({ id: rowId(row), figure });
  for (let round = 0; round < rounds; round++) {
    const reverse = round % 2 === 1;
    for (const step of reverse ? steps.toReversed() : steps) {
      signal.throwIfAborted();
      if (left.has(step)) {
        observer.begins(step);
        try {
          await step.measure(take, reverse, signal);
        } catch (error) {
          signal.throwIfAborted();
          if (step.todo === undefined) throw error;
          left.delete(step);
          const what = `${step.rows.map(rowId).join(", ")}: ${lastOf(error as Error)}`;
          missing.push({ what, todo: step.todo });
        }
      }
      observer.ended(step.ms);
    }
  }
  const figures = Map.groupBy(taken, ({ id }) => id);
  const rows = [...left].flatMap(({ rows }) => rows)
    .map((row) => rowOf(row, figures.get(rowId(row))!.map(({ figure }) => figure)));
  for (const { id } of rows.filter(({ most }) => most === Infinity)) {
    missing.push({
      what: `${id}: no operation was done in the window`,
      todo: "repeat it on an idle machine",
    });
  }
  return { rows: rows.filter(({ most }) => most < Infinity), missing };
}

function rowOf(key: RowKey, figures: readonly Figure[]): Row {
  const rounds = figures.map(({ ns, samples }) => ns ?? median(samples!));
  const samples = figures.flatMap(({ samples = [] }) => samples);
  return {
    id: rowId(key),
    ...key,
    unit: "ns",
    median: median(rounds),
    least: Math.min(...rounds),
    most: Math.max(...rounds),
    rounds,
    ...samples.length > 0 && { latency: latencyOf(samples) },
  };
}

/** The last line of an error, without the folders of this machine. */
function lastOf({ message }: Error): string {
  return message.trim().split("\n").at(-1)!.replaceAll(/\/\S*\//g, "");
}
