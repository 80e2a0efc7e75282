/** Durations and repetitions of a run; times in milliseconds. */
export interface Effort {
  readonly rounds: number;
  /** The least processor time for which mitata measures one operation. */
  readonly alone: number;
  /** How long members run before their window begins. */
  readonly lead: number;
  /** The window in which their operations are counted. */
  readonly window: number;
  /** The number of hand-overs between two members. */
  readonly turns: number;
  /** How often a program is started and timed. */
  readonly launches: number;
  /** The numbers of members at once. */
  readonly sizes: readonly number[];
  /** Whether to measure operations on memory on anonymous memory too. */
  readonly anonymous: boolean;
}

/** For a report: takes less than 15 minutes. */
export const FULL: Effort = {
  rounds: 3,
  alone: 200,
  lead: 40,
  window: 150,
  turns: 2000,
  launches: 3,
  sizes: [1, 2, 4, 16, 64],
  anonymous: true,
};

/** For a first impression: takes less than a minute. */
export const QUICK: Effort = {
  rounds: 1,
  alone: 12,
  lead: 15,
  window: 20,
  turns: 100,
  launches: 1,
  sizes: [1, 4],
  anonymous: false,
};
