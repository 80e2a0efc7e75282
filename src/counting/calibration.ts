import { monotonicNanoseconds } from "../runtime/waiting/clock.ts";
import type { Gate } from "./gate.ts";
import type { StrategyName } from "./strategies/names.ts";

/** A round this long gives a rate; the best of several such rounds can be trusted. */
const ROUND_MS = 20;
const LONG_ROUNDS = 3;
/** Calls of a round: engines optimise a function better between calls than during one. */
const CALLS = 4;
/** Increments in a call of the first round: the first of all makes connections. */
const FIRST = 4;
/** The most increments that it finds for a worker. */
export const MOST_INCREMENTS = 100_000_000;
const INT32 = 2 ** 31 - 1;

/**
 * The length of a counting phase, in milliseconds. The number of increments is rounded, so that the
 * phase is up to 1.6 times shorter or longer. A race in memory hits two instructions, so it needs
 * longer to show for certain.
 */
export function phaseOf(strategy: StrategyName): number {
  return strategy === "value" || strategy === "raw-value" ? 550 : 200;
}

/**
 * The most increments by each worker: the sum of all rounds must stay in the range of an `Int32`.
 */
function mostFor(workers: number): number {
  return Math.min(MOST_INCREMENTS, Math.floor(INT32 / (4 * workers)));
}

/** Rounds to the nearest of 1, 2, 5, 10, 20, 50 and so on that is at most `most`. */
export function roundNumber(number: number, most: number = Infinity): number {
  const wanted = Math.max(1, Math.min(number, most));
  const power = 10 ** Math.floor(Math.log10(wanted));
  const distance = (step: number) => Math.abs(Math.log(step / wanted));
  return [1, 2, 5, 10].map((step) => step * power).filter((step) => step <= most)
    .reduce((best, step) => distance(step) < distance(best) ? step : best);
}

/**
 * Finds how many increments by each worker make a phase of `phaseMs`. All workers count together,
 * in rounds that grow until they are long enough. Worker 0 measures, and tells the others through
 * the gate.
 *
 * @param count Does a number of increments of scratch data.
 * @returns The same number in all workers.
 */
export async function calibrate(
  count: (times: number) => Promise<void>,
  gate: Gate,
  worker: number,
  workers: number,
  phaseMs: number,
): Promise<number> {
  const most = mostFor(workers);
  const rates: number[] = [];
  for (let times = FIRST;;) {
    gate.meet();
    const start = monotonicNanoseconds();
    for (let i = 0; i < CALLS; i++) await count(times);
    gate.meet();
    if (worker === 0) {
      const ms = (monotonicNanoseconds() - start) / 1e6;
      const isLong = ms >= ROUND_MS || CALLS * times >= most;
      if (isLong) rates.push(CALLS * times / ms);
      const factor = isLong ? 1 : Math.min(10, Math.max(2, 1.5 * ROUND_MS / ms));
      const next = Math.min(Math.ceil(times * factor), Math.ceil(most / CALLS));
      // The fastest: a round that was disturbed would make the phase too short.
      gate.announce(
        rates.length < LONG_ROUNDS ? next : -roundNumber(phaseMs * Math.max(...rates), most),
      );
    }
    gate.meet();
    const { announced } = gate;
    if (announced < 0) return -announced;
    times = announced;
  }
}
