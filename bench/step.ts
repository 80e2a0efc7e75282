import type { RowKey } from "./results.ts";

/** What one measurement gives for a row. */
export interface Figure {
  /** Nanoseconds an operation. */
  readonly ns: number;
  /** Single operations, in nanoseconds, where each was timed. */
  readonly samples?: readonly number[];
}

/** Something that is measured once a round: one row, or all that share what must be started. */
export interface Step {
  readonly rows: readonly RowKey[];
  /** About how long it takes, in milliseconds. */
  readonly ms: number;
  /** Set for what others made, with what to do: the run goes on without it, and says so. */
  readonly todo?: string;
  /** Measures its rows, in reverse if told so; `take` is given each figure as it comes. */
  measure(
    take: (row: RowKey, figure: Figure) => void,
    reverse: boolean,
    signal: AbortSignal,
  ): Promise<void>;
}
