import { type Results, type Row, rowId, type RowKey } from "./results.ts";
import { latencyOf, median } from "./statistics.ts";
import type { Figure, Step } from "./step.ts";

/** What the rounds gave: rows, and what of rivals did not work. */
export interface Measured {
  readonly rows: Row[];
  readonly missing: Results["missing"];
}

/** Told of each step: before it begins, and when so many milliseconds of the plan are over. */
export interface Observer {
  begins(step: Step): void;
  ended(ms: number): void;
}

/**
 * Measures every step once a round, so that a disturbance of the machine meets all alike; every
 * second round goes backwards, so that none always follows the same one.
 *
 * @throws What one of our own steps throws; a rival that does not work is left out, and named.
 */
export async function measureRounds(
  steps: readonly Step[],
  rounds: number,
  signal: AbortSignal,
  observer: Observer,
): Promise<Measured> {
  const figures = new Map<string, Figure[]>();
  const missing: Results["missing"] = [];
  const left = new Set(steps);
  const take = (row: RowKey, figure: Figure) => {
    const id = rowId(row);
    figures.set(id, [...figures.get(id) ?? [], figure]);
  };
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
          const said = (error as Error).message.split("\n").at(-1)!;
          missing.push({ what: `${step.rows.map(rowId).join(", ")}: ${said}`, todo: step.todo });
        }
      }
      observer.ended(step.ms);
    }
  }
  const rows = [...left].flatMap(({ rows }) => rows)
    .map((row) => rowOf(row, figures.get(rowId(row))!));
  return { rows, missing };
}

function rowOf(key: RowKey, figures: readonly Figure[]): Row {
  const rounds = figures.map(({ ns }) => ns);
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
