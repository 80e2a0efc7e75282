import type { Latency } from "./results.ts";

/** The value in the middle; of an even number of them, the mean of the two. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** The least value that `part` (0 to 1) of all values do not exceed: the nearest rank. */
function percentile(sorted: readonly number[], part: number): number {
  return sorted[Math.max(Math.ceil(part * sorted.length) - 1, 0)];
}

/** The percentiles of single operations. */
export function latencyOf(samples: readonly number[]): Latency {
  const sorted = samples.toSorted((a, b) => a - b);
  return {
    p50: percentile(sorted, 0.5),
    p99: percentile(sorted, 0.99),
    p999: percentile(sorted, 0.999),
    max: sorted[sorted.length - 1],
  };
}

/** How far the rounds of a row lie apart, as a part of their median. */
export function spreadOf({ rounds }: { readonly rounds: readonly number[] }): number {
  const middle = median(rounds);
  return middle === 0 ? 0 : (Math.max(...rounds) - Math.min(...rounds)) / middle;
}

/** The noise of a run: the spread that half its rows do not exceed. */
export function noiseOf(rows: readonly { readonly rounds: readonly number[] }[]): number {
  return rows.length === 0 ? 0 : median(rows.map(spreadOf));
}
