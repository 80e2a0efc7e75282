/** What to recommend: a counter or a lock. */
export const NEEDS = ["counter", "lock"] as const;
/** The reach: the workers of one process, the processes of one machine, several machines. */
export const REACHES = ["process", "machine", "network"] as const;
/** What it survives: nothing, a killed process, a power loss. */
export const SURVIVALS = ["nothing", "crash", "power"] as const;
/** The runtimes for which there is advice. */
export const RUNTIMES = ["deno", "bun", "node"] as const;

/** What to recommend. */
export type Need = typeof NEEDS[number];
/** The reach of a candidate. */
export type Reach = typeof REACHES[number];
/** What it survives. */
export type Survival = typeof SURVIVALS[number];

/** One of the runtimes. */
export type AdviceRuntime = typeof RUNTIMES[number];

/** The benchmark rows with the cost of a candidate. */
export interface Measured {
  readonly subject: string;
  readonly operation: string;
  readonly medium: "anonymous" | "mapped" | "file" | "redis";
  /** Whether the 4 that do it at once are workers or processes. */
  readonly unit: "workers" | "processes";
}

/** A primitive that may be recommended. */
export interface Candidate {
  readonly name: string;
  readonly medium: "shared memory" | "file" | "Redis";
  readonly need: Need;
  readonly reach: Reach;
  readonly survives: Survival;
  readonly measured: Measured;
  /** What to know before using it. */
  readonly notes: readonly string[];
  /** A complete program. */
  readonly code: string;
}
