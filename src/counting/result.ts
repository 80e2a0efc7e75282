import type { RuntimeName } from "../runtime/adapters/port.ts";

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
