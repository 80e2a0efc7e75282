import type { RuntimeName } from "../runtime/adapters/port.ts";
import type { CountConfig, Run } from "./config.ts";
import { isExact } from "./strategies/names.ts";
import type { WorkerReport } from "./worker.ts";

/** The result of one run of one strategy; the shape of a line of `count --json`. */
export interface CountResult {
  readonly strategy: string;
  /** Whether the strategy must be exact with these workers. */
  readonly exact: boolean;
  readonly unit: "worker" | "process";
  readonly runtimes: readonly RuntimeName[];
  readonly workers: number;
  readonly increments: number;
  readonly expected: number;
  readonly actual: number;
  /** `expected - actual`. */
  readonly lost: number;
  /** Reads of the text file that gave no number; each counted as 0. */
  readonly errors: number;
  /** Up to ten of the texts that were no number. */
  readonly errorSamples: readonly string[];
  /** Time from the first worker's start to the last worker's last increment. */
  readonly countingMs: number;
  /** The same, including starting and ending the workers. */
  readonly totalMs: number;
  /** The counting time divided by all increments; for `flag`, the time of one read of the flag. */
  readonly nsPerIncrement: number;
  /** Time between the first and the last worker's start. */
  readonly startSkewUs: number;
  /** For `flag` only: the prime search by one worker, by all, and by all with the flag. */
  readonly search?: {
    readonly serialMs: number;
    readonly noFlagMs: number;
    readonly flagMs: number;
  };
}

/** Computes the result of an experiment from the reports of its workers. */
export function summarize(
  { strategy, runtimes }: Run,
  { unit, workers, increments }: CountConfig,
  reports: readonly WorkerReport[],
  totalMs: number,
): CountResult {
  const starts = reports.map(({ start }) => start);
  const first = Math.min(...starts);
  const countingNs = Math.max(...reports.map(({ end }) => end)) - first;
  const { actual = 0, search } = reports[0];
  const expected = search?.expected ?? workers * increments;
  const spanMs = (spans: readonly (readonly [number, number])[]) =>
    (Math.max(...spans.map(([, end]) => end)) - Math.min(...spans.map(([start]) => start))) / 1e6;
  return {
    strategy,
    exact: isExact(strategy, workers),
    unit,
    runtimes: runtimes.map(({ name }) => name),
    workers,
    increments,
    expected,
    actual,
    lost: expected - actual,
    errors: reports.reduce((sum, { errors }) => sum + errors, 0),
    errorSamples: reports.flatMap(({ errorSamples }) => errorSamples).slice(0, 10),
    countingMs: countingNs / 1e6,
    totalMs,
    nsPerIncrement: search?.nsPerLook ?? countingNs / (workers * increments),
    startSkewUs: (Math.max(...starts) - first) / 1e3,
    search: search && {
      serialMs: search.serialMs,
      noFlagMs: spanMs(reports.map(({ search }) => search!.noFlag)),
      flagMs: spanMs(reports.map(({ search }) => search!.flag)),
    },
  };
}
