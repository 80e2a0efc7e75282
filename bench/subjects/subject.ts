/**
 * The types of this folder: each file describes the operations of one subject, their rivals, and the
 * claims about them.
 *
 * @module
 */
import type { Runtime } from "../../src/host/runtimes.ts";
import { type Memory, regionOf } from "../../src/memory/memory.ts";
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

/** A loop over an operation that several workers run at once. */
export interface Loop {
  /** Does the operation `times` times. */
  run(times: number): void | Promise<void>;
  /** Reads the total of all workers from the shared state. */
  read?(): number;
}

/** A lock that two processes hand to each other. */
export interface Relay {
  lock(): void | Promise<void>;
  unlock(): void | Promise<void>;
  /** Whether it needs the event loop and a third process, so that members must not spin. */
  readonly yields?: boolean;
}

/** An operation in JavaScript, with a row for each of its functions. */
export interface Operation {
  /** The operation in words. */
  readonly name: string;
  /** Its package. Default: `interlock`. */
  readonly by?: string;
  readonly media: readonly RowKey["medium"][];
  /** Whether it is similar to another, so that a quick run skips it. */
  readonly minor?: boolean;
  /** Makes the function of one thread that mitata measures. */
  readonly alone?: (context: BenchContext) => (() => unknown) | Promise<() => unknown>;
  /** Whether mitata times each call by itself, for the percentiles. */
  readonly timed?: boolean;
  /** The number of operations of one call, or of one of the times of {@linkcode Loop.run}. */
  readonly per?: number;
  /** Makes the operation of several at once. */
  readonly together?: (context: BenchContext) => Loop | Promise<Loop>;
  /** The numbers of members. Default: the sizes of the run. */
  readonly sizes?: readonly number[];
  /** Whether to measure processes only, not workers. */
  readonly processes?: boolean;
  /** Makes the lock that two processes hand to each other. */
  readonly relay?: (context: BenchContext) => Relay;
}

/** The implementation of an operation by a program in C or Python. */
export interface Program {
  readonly by: "c" | "python";
  /** The name of the operation in the program. */
  readonly program: string;
  /** The operation to compare with. */
  readonly name: string;
  readonly medium: RowKey["medium"];
  /** The numbers of processes at once; 1 is also measured alone. A relay has two. */
  readonly sizes: readonly number[] | "relay";
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
  readonly setting: "alone" | "processes";
  readonly count: number;
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

/** An integer in shared memory, for the holder of a lock. */
export function cellOf(memory: Memory, offset: number): Int32Array {
  const region = regionOf(memory);
  return new Int32Array(region.buffer, region.resolve(offset, 4, 4), 1);
}

/** Both kinds of shared memory. */
export const MEMORY: readonly RowKey["medium"][] = ["mapped", "anonymous"];

/** Marks an operation as similar to another. */
export function minor(operation: Operation): Operation {
  return { ...operation, minor: true };
}
