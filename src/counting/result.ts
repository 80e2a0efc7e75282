import type { RuntimeName } from "../runtime/port.ts";

/** What one run of one strategy gave; the shape of a line of `count --json`. */
export interface CountResult {
  readonly strategy: string;
  /** Whether the strategy is meant to be exact with these workers. */
  readonly exact: boolean;
  readonly unit: "worker" | "process";
  readonly runtimes: readonly RuntimeName[];
  readonly workers: number;
  readonly increments: number;
  readonly expected: number;
  readonly actual: number;
  /** `expected - actual`. */
  readonly lost: number;
  /** Reads of the text file that did not parse; each counted as 0. */
  readonly errors: number;
  /** Up to ten of the texts that did not parse. */
  readonly errorSamples: readonly string[];
  /** From the first worker through the gate to the last increment of the last. */
  readonly countingMs: number;
  /** The same with the start and the end of the workers. */
  readonly totalMs: number;
  /** The counting phase over all increments; for `flag`, one look at the flag. */
  readonly nsPerIncrement: number;
  /** Between the first and the last worker through the gate. */
  readonly startSkewUs: number;
  /** Only of `flag`: the prime search by one worker, by all, and by all with the flag. */
  readonly search?: {
    readonly serialMs: number;
    readonly noFlagMs: number;
    readonly flagMs: number;
  };
}
