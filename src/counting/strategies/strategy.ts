import type { RawLock } from "../../contract/lock.ts";
import type { Memory } from "../../memory/memory.ts";
import type { ManagerRequest } from "../manager.ts";

/** What a worker's experiment runs on: the real cells and files, or the scratch ones. */
export interface CountingContext {
  /** The memory that all workers of the run share. */
  readonly memory: Memory;
  /** Where in it the cells of this experiment begin; they are zeros. */
  readonly offset: number;
  /** This worker's number, from 0. */
  readonly worker: number;
  readonly workers: number;
  /** The text file; beside it, with `.lock` after its name, the lock file. */
  readonly file: string;
  /** What the keys on the server begin with; its address is in the environment. */
  readonly redis: string | undefined;
  readonly granularity: "increment" | "call";
  /** Asks the manager and gives its answer. */
  readonly ask: (request: ManagerRequest) => Promise<number>;
  /** Keeps the text of a read that did not parse. */
  readonly onError: (text: string) => void;
  /** Returns when all workers have come here, so that a phase of an experiment begins at once. */
  readonly meet: () => void;
}

/** An experiment as one worker runs it. */
export interface Counting {
  /** Does `times` increments. */
  count(times: number): void | Promise<void>;
  /** The count, read when all have counted. */
  read(): number | Promise<number>;
  /** Held around the whole loop of a worker, where the granularity is `call`. */
  readonly around?: Pick<RawLock, "lock" | "unlock">;
  /** Only of `flag`: what the result says beside the count. */
  search?(): SearchReport;
}

/** What the prime search measured. */
export interface SearchReport {
  readonly expected: number;
  readonly serialMs: number;
  /** When this worker began and ended each search; on the monotonic clock, in nanoseconds. */
  readonly noFlag: readonly [number, number];
  readonly flag: readonly [number, number];
  readonly nsPerLook: number;
}

/** Prepares an experiment in one worker. */
export type Strategy = (context: CountingContext) => Counting;
