/**
 * What a file of this folder describes: the operations of one subject, the same by rivals, and
 * what is claimed of it.
 *
 * @module
 */
import type { Runtime } from "../../src/counting/runtimes.ts";
import { type Memory, regionOf } from "../../src/memory/memory.ts";
import type { Site } from "../place.ts";
import type { Latency, RowKey, Verdict } from "../results.ts";

/** Where an operation is measured, and what it may use. */
export interface Place {
  /** Shared memory, from {@linkcode offset}; zeros. */
  readonly memory: Memory;
  readonly offset: number;
  /** A folder for this operation alone. */
  readonly folder: string;
  /** A folder on a file system in memory, where there is one. */
  readonly fast: string;
  /** Which of those that share all this, from 0. */
  readonly worker: number;
  readonly workers: number;
  /** The address of a Redis server that nobody else uses. */
  readonly redis: string;
  /** Loads the package of a rival. */
  load(name: string): unknown;
}

/** The bytes from {@linkcode Place.offset} on that an operation may use. */
export const PLACE_BYTES = 1 << 15;

/** What several do at once. */
export interface Many {
  /** Does it so many times. */
  run(times: number): void | Promise<void>;
  /** How often all together have done it, as what they share tells it. */
  read?(): number;
}

/** A lock that two hand to each other. */
export interface Relay {
  lock(): void | Promise<void>;
  unlock(): void | Promise<void>;
  /** Whether it needs the event loop, and a third process to run, so that nobody may spin. */
  readonly yields?: boolean;
}

/** An operation in this language. It has one or more of the functions, and a row for each. */
export interface Operation {
  /** What it is, in words. */
  readonly name: string;
  /** The package it is of; ours, if not told. */
  readonly by?: string;
  readonly media: readonly RowKey["medium"][];
  /** Whether it is like another, so that a look at the subject can do without it. */
  readonly minor?: boolean;
  /** Makes what one thread does again and again, to be measured by mitata. */
  readonly once?: (place: Place) => (() => unknown) | Promise<() => unknown>;
  /** Whether mitata is to time each call by itself, for the percentiles. */
  readonly timed?: boolean;
  /** How often one call does it, or one of the times of {@linkcode Many.run}. */
  readonly per?: number;
  /** Makes what several do at once. */
  readonly many?: (place: Place) => Many | Promise<Many>;
  /** How many of them, where not as many as the run has sizes for. */
  readonly sizes?: readonly number[];
  /** Whether they are processes alone, and not workers as well. */
  readonly processes?: boolean;
  /** Makes what two hand to each other. */
  readonly relay?: (place: Place) => Relay;
}

/** The same as an operation, by a program in C or Python. */
export interface Program {
  readonly by: "c" | "python";
  /** What the program calls it. */
  readonly program: string;
  /** The operation that it is to be compared with. */
  readonly name: string;
  readonly medium: RowKey["medium"];
  /** How many at once; 1 is measured alone as well. Two hand a relay to each other. */
  readonly sizes: readonly number[] | "relay";
  /** Whether its files belong on a file system in memory. */
  readonly fast?: boolean;
  /** What it needs beside its compiler or interpreter. */
  readonly needs?: "fasteners";
}

/** Something that is timed from outside, by starting programs. */
export interface Launch {
  readonly name: string;
  readonly by?: string;
  readonly medium?: RowKey["medium"];
  readonly setting: "alone" | "processes";
  readonly count: number;
  /** About how long it takes, in milliseconds. */
  readonly ms: number;
  /** Whether it is the same whatever the runtime. */
  readonly anyRuntime?: boolean;
  /** Whether one measurement is enough for a round, as it times many by itself. */
  readonly once?: boolean;
  /** Nanoseconds of it: one or, for the percentiles, many. */
  readonly measure: (runtime: Runtime, site: Site) => Promise<number | number[]>;
}

/** A claim about each row of ours that has these parts. */
export interface Goal {
  readonly claim: string;
  readonly kind: Verdict["kind"];
  readonly goal: number;
  readonly row: Partial<RowKey>;
  /** Of the rival's row, what differs from ours. */
  readonly of?: Partial<RowKey>;
  /** Of a time: which of the row's percentiles is meant; the median of the rounds, if not told. */
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

/** An integer in shared memory, for who holds a lock over it. */
export function cellOf(memory: Memory, offset: number): Int32Array {
  const region = regionOf(memory);
  return new Int32Array(region.buffer, region.resolve(offset, 4, 4), 1);
}

/** Shared memory of both kinds. */
export const MEMORY: readonly RowKey["medium"][] = ["mapped", "anonymous"];

/** The same, and like another. */
export function minor(operation: Operation): Operation {
  return { ...operation, minor: true };
}
