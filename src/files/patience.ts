import { type AcquireOptions, deadlineOf } from "../contract/options.ts";

/** Until when a wait goes on, and what aborts it. */
export interface Patience {
  /** On the clock of `performance.now()`. */
  readonly deadline: number;
  readonly signal: AbortSignal | undefined;
}

/** The patience of who has neither a deadline nor a signal. */
export const FOREVER: Patience = { deadline: Infinity, signal: undefined };

/** What the options of a call amount to. */
export function patienceOf(options: AcquireOptions | undefined): Patience {
  if (options === undefined) return FOREVER;
  const deadline = deadlineOf(options);
  options.signal?.throwIfAborted();
  return { deadline, signal: options.signal };
}
