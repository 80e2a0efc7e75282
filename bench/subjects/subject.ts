/**
 * The types of this folder, and the functions that make its tables: each file has the operations of
 * one subject, their rivals, and the claims about them.
 *
 * @module
 */
import type { Runtime } from "../../src/host/runtimes.ts";
import type { Memory } from "../../src/memory/memory.ts";
import type { Latency, RowKey, Verdict } from "../results.ts";
import type { Site } from "../site.ts";

/** The resources of an operation that is measured. */
export interface BenchContext {
  /** Shared memory; zeros from {@linkcode offset} on. */
  readonly memory: Memory;
  readonly offset: number;
  /** A folder for this operation only. */
  readonly folder: string;
  /** A folder on a file system in memory, if there is one. */
  readonly fast: string;
  /** The number of this worker among those that share this context, from 0. */
  readonly worker: number;
  readonly workers: number;
  /** The address of a private Redis server. */
  readonly redis: string;
  /** Loads the package of a rival. */
  load(name: string): unknown;
}

/** The bytes from {@linkcode BenchContext.offset} on that an operation may use. */
export const CONTEXT_BYTES = 1 << 15;

/** An operation that is ready to be repeated. */
export interface Repeated {
  readonly call: () => unknown;
  /** Reads the total of all workers from the shared state. */
  readonly read?: () => number;
}

/** A lock that two processes hand to each other. */
export interface Relay {
  lock(): void | Promise<void>;
  unlock(): void | Promise<void>;
  /** Whether it needs the event loop and a third process, so that members must not spin. */
  readonly yields?: boolean;
}

/** An operation in JavaScript. */
export interface Operation {
  /** The operation in words. Rows with the same name do the same work, in any language. */
  readonly name: string;
  /** Its package. Default: `interlock`. */
  readonly by?: string;
  readonly media: readonly RowKey["medium"][];
  /** Makes the function to repeat: in one thread by mitata, and in each member of a fleet. */
  readonly make?: (context: BenchContext) => Repeated | Promise<Repeated>;
  /** Whether one thread alone is measured. Default: `true`. */
  readonly alone?: boolean;
  /** The numbers of members at once. Default: none. */
  readonly sizes?: readonly number[];
  /** Whether to measure processes only, not workers. */
  readonly processes?: boolean;
  /** Whether members await each call. */
  readonly awaited?: boolean;
  /** Whether mitata times each call by itself, for the percentiles. */
  readonly timed?: boolean;
  /** The number of operations of one call. */
  readonly per?: number;
  /** Makes the lock that two processes hand to each other. */
  readonly relay?: (context: BenchContext) => Relay;
}

/** The implementation of an operation by a program in C or Python, of `bench/rivals`. */
export interface Program {
  readonly by: "c" | "python";
  /** The name of the operation in the program. */
  readonly program: string;
  /** The operation to compare with. */
  readonly name: string;
  readonly medium: RowKey["medium"];
  /** The numbers of processes at once; 1 is also measured alone. A relay has two. */
  readonly sizes: readonly number[] | "alone" | "relay";
  /** Whether its files are on a file system in memory. */
  readonly fast?: boolean;
  /** A package that it needs. */
  readonly needs?: "fasteners";
}

/** An operation that is timed from outside, by starting programs. */
export interface Launch {
  readonly name: string;
  readonly by?: string;
  readonly medium?: RowKey["medium"];
  /** The number of processes. Default: one, alone. */
  readonly processes?: number;
  /** The estimated time in milliseconds. */
  readonly ms: number;
  /** Whether it does not depend on the runtime. */
  readonly anyRuntime?: boolean;
  /** Whether it is measured once per round, since one measurement has many samples. */
  readonly oncePerRound?: boolean;
  /** Measures it, in nanoseconds: one time, or many for the percentiles. */
  readonly measure: (runtime: Runtime, site: Site) => Promise<number | number[]>;
}

/** A claim about each of our rows with the properties of `row`. */
export interface Goal {
  readonly claim: string;
  readonly kind: Verdict["kind"];
  readonly goal: number;
  readonly row: Partial<RowKey>;
  /** The properties in which the rival's row differs from ours. */
  readonly of?: Partial<RowKey>;
  /** Whether the other row does the same work; otherwise it is a yardstick. */
  readonly sameWork?: boolean;
  /** For a time: the percentile. Default: the median of the rounds. */
  readonly percentile?: keyof Latency;
}

/** A subject. */
export interface Subject {
  readonly name: string;
  readonly operations?: readonly Operation[];
  readonly programs?: readonly Program[];
  readonly launches?: readonly Launch[];
  readonly goals: readonly Goal[];
}

/** Both kinds of shared memory. */
export const MEMORY: readonly RowKey["medium"][] = ["mapped", "anonymous"];
/** The numbers of members at once, if all are of interest. */
export const SIZES: readonly number[] = [1, 2, 4, 16, 64];
/** The runtimes, for claims that differ between them. */
export const RUNTIMES = ["deno", "bun", "node"] as const;

/**
 * Makes a function that makes operations on what `open` makes. Each has a name, the function to
 * repeat, and, if several do it at once, a function that reads their total.
 */
export function operationsOn<T>(
  media: Operation["media"],
  open: (context: BenchContext) => T | Promise<T>,
): (
  name: string,
  use: (opened: T) => () => unknown,
  more?: Omit<Operation, "name" | "media" | "make"> & { readonly read?: (opened: T) => number },
) => Operation {
  return (name, use, { read, ...more } = {}) => ({
    name,
    media,
    ...more,
    async make(context) {
      const opened = await open(context);
      return { call: use(opened), ...read && { read: () => read(opened) } };
    },
  });
}

/** The hand-overs of a lock: by its bare pair, and to a task. */
export function handOvers(
  media: Operation["media"],
  open: (context: BenchContext) => Relay & Parameters<typeof byTasks>[0],
): Operation[] {
  return [
    { name: "hand-over", media, relay: open },
    { name: "hand-over to a task", media, relay: (context) => byTasks(open(context)) },
  ];
}

/** A lock that the tasks of two processes hand to each other. */
export function byTasks(
  lock: { acquire(): Promise<{ release(): void | Promise<void> }> },
): Relay {
  let release: Relay["unlock"] = () => {};
  return {
    async lock() {
      const guard = await lock.acquire();
      release = () => guard.release();
    },
    unlock: () => release(),
  };
}

/** Makes the programs of one rival: the name of each operation, and that of its program. */
export function programsBy(
  by: Program["by"],
  medium: Program["medium"],
  sizes: Program["sizes"],
  names: Readonly<Record<string, string>>,
  more: Pick<Program, "fast" | "needs"> = {},
): Program[] {
  return Object.entries(names)
    .map(([name, program]) => ({ by, program, name, medium, sizes, ...more }));
}

/**
 * Begins a claim: `claim(text).about(row).costs(3, rival)`. With counts, it is about the rows of so
 * many at once.
 */
export function claim(text: string) {
  return {
    about(row: Partial<RowKey>, ...counts: readonly number[]) {
      const rows = counts.length === 0 ? [row] : counts.map((count) => ({ ...row, count }));
      const goals = (goal: Omit<Goal, "claim" | "row">): Goal[] =>
        rows.map((row) => ({ claim: text, row, ...goal }));
      return {
        /** At most so many times the time of a rival that does the same work. */
        costs: (goal: number, of: Goal["of"]) =>
          goals({ kind: "at most times", goal, of, sameWork: true }),
        /** At most so many times the time of a yardstick: a row that does other work. */
        measures: (goal: number, of: Goal["of"]) =>
          goals({ kind: "at most times", goal, of, sameWork: false }),
        /** At least so many times as fast as a rival that does the same work. */
        isFaster: (goal: number, of: Goal["of"]) =>
          goals({ kind: "at least times faster", goal, of, sameWork: true }),
        /** At least so many times as fast as a yardstick. */
        reaches: (goal: number, of: Goal["of"]) =>
          goals({ kind: "at least times faster", goal, of, sameWork: false }),
        /** At most so many nanoseconds. */
        takes: (goal: number, percentile?: keyof Latency) =>
          goals({ kind: "at most ns", goal, percentile }),
      };
    },
  };
}
