import type { Outcome } from "../../cli/count_outcome.ts";
import type { CountResult } from "../../src/counting/result.ts";
import { verdictFor } from "../../src/counting/result.ts";
import { isExact, type StrategyName } from "../../src/counting/strategies/names.ts";

/** What differs from a run of 4 processes with 1,000 increments each. */
type Difference = Partial<
  Pick<
    CountResult,
    | "workers"
    | "increments"
    | "expected"
    | "actual"
    | "lost"
    | "errors"
    | "errorSamples"
    | "nsPerIncrement"
    | "granularity"
    | "search"
  >
>;

function resultOf(strategy: StrategyName, difference: Difference): CountResult {
  const { workers = 4, increments = 1000, lost = 0 } = difference;
  const exact = isExact(strategy, workers);
  return {
    strategy,
    granularity: "increment",
    exact,
    verdict: verdictFor(exact, lost),
    unit: "process",
    runtimes: ["deno"],
    versions: { deno: "2.9.6" },
    workers,
    increments,
    expected: workers * increments,
    actual: workers * increments - lost,
    lost,
    errors: 0,
    errorSamples: [],
    countingMs: 136,
    totalMs: 300,
    nsPerIncrement: 34_000,
    startSkewUs: 12,
    ...difference,
  };
}

/** An experiment with a run for each difference, or a plain one. */
export function outcomeOf(strategy: StrategyName, ...differences: Difference[]): Outcome {
  const results = (differences.length === 0 ? [{}] : differences)
    .map((difference) => resultOf(strategy, difference));
  const [{ workers, granularity }] = results;
  return { run: { strategy, workers, granularity, runtimes: [] }, results };
}
