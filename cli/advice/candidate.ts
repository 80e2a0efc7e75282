/** What is wanted: a number that many add to, or a lock. */
export const NEEDS = ["counter", "lock"] as const;
/** How far it reaches: the workers of one process, the processes of one machine, many machines. */
export const REACHES = ["process", "machine", "network"] as const;
/** What it outlives: nothing, a process that is killed, the loss of power. */
export const SURVIVALS = ["nothing", "crash", "power"] as const;
/** The runtimes that advice is given for. */
export const RUNTIMES = ["deno", "bun", "node"] as const;

/** What is wanted. */
export type Need = typeof NEEDS[number];
/** How far it reaches. */
export type Reach = typeof REACHES[number];
/** What it outlives. */
export type Survival = typeof SURVIVALS[number];

/** One of the runtimes. */
export type AdviceRuntime = typeof RUNTIMES[number];

/** Which rows of the bench say what it costs. */
export interface Measured {
  readonly subject: string;
  readonly operation: string;
  readonly medium: "anonymous" | "mapped" | "file" | "redis";
  /** Of whom 4 are at it at once. */
  readonly crowd: "workers" | "processes";
}

/** Something that may be the answer. */
export interface Candidate {
  readonly name: string;
  readonly medium: "shared memory" | "file" | "Redis";
  readonly need: Need;
  readonly reach: Reach;
  readonly survives: Survival;
  readonly measured: Measured;
  /** What to know before using it. */
  readonly notes: readonly string[];
  /** A whole program. */
  readonly code: string;
}
