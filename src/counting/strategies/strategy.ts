import type { RawLock } from "../../contract/lock.ts";
import type { Memory } from "../../memory/memory.ts";
import type { ManagerRequest } from "../manager.ts";

/** The cells and files of a worker's experiment: the counted ones or the scratch ones. */
export interface CountingContext {
  /** The memory that all workers of the run share. */
  readonly memory: Memory;
  /** The offset of this experiment's cells, which are zeros. */
  readonly offset: number;
  /** This worker's number, from 0. */
  readonly worker: number;
  readonly workers: number;
  /** The text file; the lock file has `.lock` appended to its name. */
  readonly file: string;
  /** The beginning of the keys on the server; its address is in the environment. */
  readonly redis: string | undefined;
  readonly granularity: "increment" | "call";
  /** Sends a request to the manager and returns its answer. */
  readonly ask: (request: ManagerRequest) => Promise<number>;
  /** Records a text that is not a number. */
  readonly onError: (text: string) => void;
  /** Returns when all workers have called this: they begin a phase at the same time. */
  readonly meet: () => void;
}

/** An experiment in one worker. */
export interface Counting {
  /** Does `times` increments. */
  count(times: number): void | Promise<void>;
  /** Reads the count after all workers have counted. */
  read(): number | Promise<number>;
  /** The lock around the whole loop of a worker, if the granularity is `call`. */
  readonly around?: Pick<RawLock, "lock" | "unlock">;
  /** Warms the code of an experiment whose `count` takes no number of increments. */
  warmUp?(): void;
  /** For `flag` only: the times of the searches. */
  search?(): SearchReport;
}

/** The times of the prime search. */
export interface SearchReport {
  /** The primes that one worker found. */
  readonly expected: number;
  /** The numbers that were searched. */
  readonly numbers: number;
  readonly serialMs: number;
  /** When this worker began and ended each search, in nanoseconds of the monotonic clock. */
  readonly noFlag: readonly [number, number];
  readonly flag: readonly [number, number];
  readonly nsPerLook: number;
}

/** Prepares an experiment in one worker. */
export type Strategy = (context: CountingContext) => Counting;
