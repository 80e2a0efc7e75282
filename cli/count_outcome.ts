import type { Run } from "../src/counting/config.ts";
import type { CountResult, Verdict } from "../src/counting/result.ts";

/** The results of one experiment: one, or one for each repetition. */
export interface Outcome {
  readonly run: Run;
  /** At least one. */
  readonly results: readonly CountResult[];
}

/** How values are distributed. */
export interface Spread {
  readonly mean: number;
  /** The standard deviation of the sample; 0 for one value. */
  readonly deviation: number;
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

/** Computes the distribution of at least one value. */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const [low, high] = [Math.floor, Math.ceil].map((round) =>
    sorted[round((sorted.length - 1) / 2)]
  );
  return {
    mean,
    deviation: Math.sqrt(squares / Math.max(1, values.length - 1)),
    median: (low + high) / 2,
    least: sorted[0],
    most: sorted.at(-1)!,
  };
}

/** The cost of an increment in nanoseconds; for `flag`, of a look at the flag. */
export function costOf({ results }: Outcome): Spread {
  return spreadOf(results.map(({ nsPerIncrement }) => nsPerIncrement));
}

/** The updates that were lost. */
export function lossOf({ results }: Outcome): Spread {
  return spreadOf(results.map(({ lost }) => lost));
}

/** The worst verdict of the repetitions. */
export function verdictOf({ results }: Outcome): Verdict {
  const worst = results.find(({ lost }) => lost !== 0) ?? results[0];
  return worst.verdict;
}

/** The name of an experiment: its strategy, and `(call)` for a lock around the whole call. */
export function nameOf({ strategy, granularity }: Pick<Run, "strategy" | "granularity">): string {
  return granularity === "call" ? `${strategy} (call)` : strategy;
}

/** Formats a number with separators of thousands. */
export function format(value: number, digits = 0): string {
  return value.toLocaleString("en", {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

/** Formats nanoseconds: with a decimal below 100. */
export function formatCost(ns: number): string {
  return format(ns, ns < 100 ? 1 : 0);
}
