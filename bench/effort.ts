/** How long and how often a run measures; times in milliseconds. */
export interface Effort {
  readonly rounds: number;
  /** The processor time that mitata measures one operation for, at least. */
  readonly alone: number;
  /** How long those that do it at once have done so before their window begins. */
  readonly lead: number;
  /** The window in which their operations are counted. */
  readonly window: number;
  /** How often two hand a lock to each other. */
  readonly turns: number;
  /** How often a program is started to be timed. */
  readonly launches: number;
  /** How many do it at once. */
  readonly sizes: readonly number[];
  /** Whether operations that are like others are measured. */
  readonly minor: boolean;
  /** Whether operations on memory are measured on anonymous memory as well. */
  readonly anonymous: boolean;
}

/** Under 15 minutes: what a report is made of. */
export const FULL: Effort = {
  rounds: 3,
  alone: 200,
  lead: 40,
  window: 150,
  turns: 2000,
  launches: 3,
  sizes: [1, 2, 4, 16, 64],
  minor: true,
  anonymous: true,
};

/** Under a minute: a look. */
export const QUICK: Effort = {
  rounds: 1,
  alone: 12,
  lead: 15,
  window: 20,
  turns: 100,
  launches: 1,
  sizes: [1, 4],
  minor: false,
  anonymous: false,
};
