import { type AcquireOptions, checkAcquireOptions, deadlineOf } from "../contract/options.ts";

/** The end of a wait, and the signal that aborts it. */
export interface Deadline {
  /** On the clock of `performance.now()`. */
  readonly at: number;
  readonly signal: AbortSignal | undefined;
}

/** The deadline of a wait that has neither a timeout nor a signal. */
export const NEVER: Deadline = { at: Infinity, signal: undefined };

/**
 * The deadline of a wait that begins now.
 *
 * @throws The reason of the signal, if it was aborted before.
 */
export function deadlineFrom(options: AcquireOptions | undefined): Deadline {
  if (options === undefined) return NEVER;
  const read = checkAcquireOptions(options);
  const { signal } = read;
  signal?.throwIfAborted();
  return { at: deadlineOf(read), signal };
}
