/** The words that a thread and its helper share. */
export const WORDS = {
  /**
   * Settles a job. The first of two writes counts: the parent writes the job's number to call it
   * off, the helper the negative number to claim its success. So the parent knows at once which of
   * the two was first, without a message, which it could not receive while it is blocked.
   */
  settled: 0,
  /** The number of the job for which the helper may be in the kernel, or 0. */
  atWork: 1,
  /** The thread number of the helper, from its first job on. */
  thread: 2,
  /** 1 when the process ends: no job begins any more. */
  stopped: 3,
} as const;
/** How many words there are. */
export const WORD_COUNT = 4;

/** The first message to a helper. */
export interface HelperStart {
  readonly words: Int32Array;
  /** The kind of jobs that follow. */
  readonly kind: string;
}

/** The other messages to a helper. */
export interface HelperJob<Job> {
  /** Counts from 1. */
  readonly number: number;
  readonly job: Job;
  /** Whether the parent waits for an answer. */
  readonly isAsked: boolean;
}

/**
 * A message of a helper: that it has started, then how each job ended for which the parent waits,
 * and in between that there is news for the parent.
 */
export type HelperReport<Answer> =
  | { readonly ready: true }
  | { readonly news: true }
  | { readonly number: number; readonly answer: Answer }
  | { readonly number: number; readonly failed: true };
