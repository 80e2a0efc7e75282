import { availableParallelism } from "node:os";

/** For a report: takes less than 15 minutes. Durations in milliseconds. */
export const FULL = {
  rounds: 3,
  /** The least processor time for which mitata measures one operation. */
  alone: 180,
  /** How long members run before their window begins. */
  lead: 40,
  /** The window in which their operations are counted. */
  window: 150,
  /** The number of hand-offs between two members. */
  turns: 2000,
  /** How often a program is started and timed. */
  launches: 3,
  /** The numbers of members at once. */
  sizes: [1, 2, 4, 16, 64],
  /** Whether to measure operations on memory on anonymous memory too. */
  anonymous: true,
};

/** Durations and repetitions of a run. */
export type Effort = Readonly<typeof FULL>;

/** For a first impression: takes less than a minute. */
export const QUICK: Effort = {
  rounds: 1,
  alone: 10,
  lead: 11,
  window: 15,
  turns: 80,
  launches: 1,
  sizes: [1, 4],
  anonymous: false,
};

/** How long a lock is held after the other member has come, so that it sleeps; nanoseconds. */
export const HOLD = 100_000;
const MOST_LEADS = 16;

/** The lead of a fleet: the more members share a processor, the longer they take to warm up. */
export function leadOf(size: number, { lead }: Effort): number {
  return lead * Math.min(Math.ceil(size / availableParallelism()), MOST_LEADS);
}

/** Estimates how long so many hand-offs take, in milliseconds. */
export function relayMs(turns: number): number {
  return turns * (HOLD + 30_000) / 1e6;
}
