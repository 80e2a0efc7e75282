/**
 * The types of this folder, and the functions that make its tables: each file has the operations of
 * one subject, their rivals, and the claims about them.
 *
 * @module
 */
import type { AsyncLock, RawLock } from "../../src/contract/mod.ts";
import type { Runtime } from "../../src/host/runtimes.ts";
import type { Memory } from "../../src/memory/memory.ts";
import type { Effort } from "../effort.ts";
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
  /** The address of one that stores each write before it answers. */
  readonly storingRedis: string;
  /** Loads the package of a rival. */
  load(name: string): unknown;
}

/** The bytes from {@linkcode BenchContext.offset} on that an operation may use. */
export const CONTEXT_BYTES = 1 << 15;

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
  /** The runtimes that have it. Default: all. */
  readonly runtimes?: readonly RowKey["runtime"][];
  /**
   * Makes the function to repeat: in one thread by mitata, and in each member of a fleet; and one
   * that reads the total of all workers from the shared state.
   */
  readonly make?: (context: BenchContext) => Promise<{ call(): unknown; read?(): number }>;
  /** Whether one thread alone is measured. Default: `true`. */
  readonly alone?: boolean;
  /** The numbers of members at once. Default: none. */
  readonly sizes?: readonly number[];
  /** Whether to measure processes only, not workers. */
  readonly processes?: boolean;
  /** Whether all members must do it equally often, since each waits for the others. */
  readonly inStep?: boolean;
  /** Whether members await each call. */
  readonly awaited?: boolean;
  /** Whether mitata times each call by itself, for the percentiles. */
  readonly timed?: boolean;
  /** The number of operations of one call. */
  readonly per?: number;
  /** Makes the lock that two processes hand to each other. */
  readonly relay?: (context: BenchContext) => Relay;
}

/** The figures of a row in one round: a time per operation, or the times of single operations. */
export interface Figure {
  /** In nanoseconds. Default: the median of the samples. */
  readonly ns?: number;
  readonly samples?: readonly number[];
}

/** What a {@linkcode Program} is measured with. */
export interface Launch {
  readonly row: RowKey;
  /** The runtime of its row; one of them, if the program needs none. */
  readonly runtime: Runtime;
  readonly effort: Effort;
  readonly site: Site;
  readonly signal: AbortSignal;
}

/** An operation that is measured by starting programs. */
export interface Program {
  readonly name: string;
  /** Its implementation. Default: `interlock`. */
  readonly by?: string;
  /** Whether it is measured in each runtime. */
  readonly inEach?: boolean;
  readonly medium?: RowKey["medium"];
  /**
   * The numbers of processes at once; 1 is also measured alone. `pair` are two processes, and
   * `threads` two threads of one. Default: alone.
   */
  readonly sizes?: readonly number[] | "alone" | "pair" | "threads";
  /** Estimates how long it takes in a round, in milliseconds. */
  readonly ms: (effort: Effort, count: number) => number;
  readonly measure: (launch: Launch) => Promise<Figure>;
}

/** A claim about each of our rows that has the properties of `row`, or one of several. */
export interface Goal extends Pick<Verdict, "claim" | "kind" | "goal"> {
  readonly row: { readonly [Key in keyof RowKey]?: RowKey[Key] | readonly RowKey[Key][] };
  /** The properties in which the row of the rival, or of the yardstick, differs from ours. */
  readonly of?: Partial<RowKey>;
  /** The percentile of both rows, for times of single operations. Default: the median of the rounds. */
  readonly percentile?: keyof Latency;
}

/** A subject. */
export interface Subject {
  readonly name: string;
  readonly operations?: readonly Operation[];
  readonly programs?: readonly Program[];
  readonly goals: readonly Goal[];
}

/** Both kinds of shared memory. */
export const MEMORY: readonly RowKey["medium"][] = ["mapped", "anonymous"];
/** The numbers of members at once, if all are of interest. */
export const SIZES: readonly number[] = [1, 2, 4, 16, 64];

/** The same without the most, whose members take long to warm up. */
export const FEWER_SIZES: readonly number[] = [1, 2, 4, 16];

/**
 * Makes a function that makes operations on what `open` makes. Each has a name, the function to
 * repeat, and, if several do it at once, a function that reads their total.
 */
export function on<T>(
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

/** The ways to hold a lock of this machine for a moment. */
export const HOLDS = {
  pair: (lock: RawLock) => () => {
    lock.lock();
    lock.unlock();
  },
  byUsing: (lock: RawLock) => () => {
    using _guard = lock.acquireSync();
  },
  byFinally: (lock: RawLock) => () => {
    const guard = lock.acquireSync();
    try {
      return guard.token;
    } finally {
      guard.release();
    }
  },
  awaited: (lock: RawLock) => async () => (await lock.acquire()).release(),
};

/** The hand-offs of a lock: by its bare pair, and to a task. */
export function handOffs(
  media: Operation["media"],
  open: (context: BenchContext) => RawLock,
): Operation[] {
  return [
    { name: "hand-off", media, relay: open },
    { name: "hand-off to a task", media, relay: (context) => byTasks(open(context)) },
  ];
}

/** A lock that the tasks of two processes hand to each other. */
export function byTasks(lock: RawLock | AsyncLock): Relay {
  let release: Relay["unlock"] = () => {};
  return {
    async lock() {
      const guard = await lock.acquire();
      release = () => guard.release();
    },
    unlock: () => release(),
  };
}

/** Begins a claim: `claim(text).about(rows).costs(3, rival)`. */
export function claim(claim: string) {
  return {
    about: (row: Goal["row"]) => ({
      /** At most so many times the time of a rival, or of a yardstick. */
      costs(goal: number, of: Goal["of"], percentile?: Goal["percentile"]): Goal {
        return { claim, row, kind: "at most times", goal, of, percentile };
      },
      /** At least so many times as fast as a rival, or as a yardstick. */
      isFaster(goal: number, of: Goal["of"]): Goal {
        return { claim, row, kind: "at least times faster", goal, of };
      },
      /** At most so many nanoseconds. */
      takes(goal: number, percentile?: Goal["percentile"]): Goal {
        return { claim, row, kind: "at most ns", goal, percentile };
      },
    }),
  };
}
