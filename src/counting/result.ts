import type { RuntimeName } from "../runtime/adapters/port.ts";
import type { CountConfig, Run } from "./config.ts";
import { isExact, type StrategyName } from "./strategies/names.ts";
import type { WorkerReport } from "./worker.ts";

/**
 * What a count turned out to be: a race that lost nothing is exact by luck, and a strategy that
 * must be exact and is not is broken.
 */
export type Verdict = "exact" | "exact by luck" | "lost" | "broken";

/** The verdict on a count that must be `exact`, or not. */
export function verdictFor(exact: boolean, lost: number): Verdict {
  if (exact) return lost === 0 ? "exact" : "broken";
  return lost === 0 ? "exact by luck" : "lost";
}

/** The result of one run of one strategy; `count --json` prints it as a line. */
export interface CountResult {
  readonly strategy: StrategyName;
  /** How long `file-lock` held its lock. */
  readonly granularity: "increment" | "call";
  /** Whether the strategy must be exact with these workers. */
  readonly exact: boolean;
  readonly verdict: Verdict;
  readonly unit: "worker" | "process";
  readonly runtimes: readonly RuntimeName[];
  /** The version of each runtime. */
  readonly versions: Readonly<Partial<Record<RuntimeName, string>>>;
  readonly workers: number;
  /** Increments by each worker. */
  readonly increments: number;
  readonly expected: number;
  readonly actual: number;
  /** `expected - actual`. */
  readonly lost: number;
  /** Reads of the text file that gave no number; each counted as 0. */
  readonly errors: number;
  /** Up to ten different texts that were no number. */
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
    readonly numbers: number;
    readonly serialMs: number;
    readonly noFlagMs: number;
    readonly flagMs: number;
  };
}

/** Computes the result of an experiment from the reports of its workers. */
export function summarize(
  { strategy, runtimes, workers, granularity }: Run,
  { unit }: CountConfig,
  reports: readonly WorkerReport[],
  totalMs: number,
): CountResult {
  const starts = reports.map(({ start }) => start);
  const first = Math.min(...starts);
  const countingNs = Math.max(...reports.map(({ end }) => end)) - first;
  const { actual = 0, increments, search } = reports[0];
  const expected = search?.expected ?? workers * increments;
  const lost = expected - actual;
  const exact = isExact(strategy, workers);
  const samples = new Set(reports.flatMap(({ errorSamples }) => errorSamples));
  const spanMs = (spans: readonly (readonly [number, number])[]) =>
    (Math.max(...spans.map(([, end]) => end)) - Math.min(...spans.map(([start]) => start))) / 1e6;
  return {
    strategy,
    granularity,
    exact,
    verdict: verdictFor(exact, lost),
    unit,
    runtimes: runtimes.map(({ name }) => name),
    versions: Object.fromEntries(runtimes.map(({ name, version }) => [name, version])),
    workers,
    increments,
    expected,
    actual,
    lost,
    errors: reports.reduce((sum, { errors }) => sum + errors, 0),
    errorSamples: [...samples].slice(0, 10),
    countingMs: countingNs / 1e6,
    totalMs,
    nsPerIncrement: search?.nsPerLook ?? countingNs / (workers * increments),
    startSkewUs: (Math.max(...starts) - first) / 1e3,
    search: search && {
      numbers: search.numbers,
      serialMs: search.serialMs,
      noFlagMs: spanMs(reports.map(({ search }) => search!.noFlag)),
      flagMs: spanMs(reports.map(({ search }) => search!.flag)),
    },
  };
}
