import type { Latency } from "./results.ts";

/** The median; for an even number of values, the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Percentiles of single operations, by the nearest rank. */
export function latencyOf(samples: readonly number[]): Latency {
  const sorted = samples.toSorted((a, b) => a - b);
  const at = (part: number) => sorted[Math.max(Math.ceil(part * sorted.length) - 1, 0)];
  return { p50: at(0.5), p99: at(0.99), p999: at(0.999), max: at(1) };
}

/** The range of a row's rounds, divided by their median. */
export function spreadOf({ rounds }: { readonly rounds: readonly number[] }): number {
  const middle = median(rounds);
  return middle === 0 ? 0 : (Math.max(...rounds) - Math.min(...rounds)) / middle;
}

/** The noise of a run: the median of its rows' spreads. */
export function noiseOf(rows: readonly { readonly rounds: readonly number[] }[]): number {
  return rows.length === 0 ? 0 : median(rows.map(spreadOf));
}
