import type { RowKey } from "./results.ts";

/** The result of one measurement of a row. */
export interface Figure {
  /** Nanoseconds per operation. */
  readonly ns: number;
  /** The times of single operations in nanoseconds, if each was timed. */
  readonly samples?: readonly number[];
}

/** A measurement that is made once per round: of one row, or of all rows of one fleet. */
export interface Step {
  readonly rows: readonly RowKey[];
  /** The estimated time in milliseconds. */
  readonly ms: number;
  /** What to do if it fails. Set for rivals only: the run then goes on without it. */
  readonly todo?: string;
  /** Measures its rows, in reverse order if `reverse`; calls `take` with each figure. */
  measure(
    take: (row: RowKey, figure: Figure) => void,
    reverse: boolean,
    signal: AbortSignal,
  ): Promise<void>;
}
