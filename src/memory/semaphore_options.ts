import { type AcquireOptions, nameOf } from "../contract/options.ts";
import { checkOptions } from "./arguments.ts";

/** The most permits that a semaphore can have. */
const MOST = 65_536;

/** Options for `Semaphore`. */
export interface SemaphoreOptions {
  /** How many permits there are, from 1 to 65,536: the same number for all users. */
  permits: number;
}

/** Options for `Semaphore.tryAcquire`. */
export interface SemaphoreTryAcquireOptions {
  /**
   * How many permits, from 1 to all there are. The semaphore grants all of them at once, or none.
   *
   * @default {1}
   */
  permits?: number;
}

/** Options for `Semaphore.acquire` and `Semaphore.acquireSync`. */
export interface SemaphoreAcquireOptions extends AcquireOptions, SemaphoreTryAcquireOptions {}

/** Checks a semaphore's options; returns the number of its permits. */
export function permitsOf(options: SemaphoreOptions): number {
  const task = "make a semaphore";
  checkOptions(options, task);
  return checkPermits(options?.permits, MOST, task);
}

/** Checks how many permits are asked for, of so many. */
export function wantedPermits(
  options: SemaphoreTryAcquireOptions | undefined,
  permits: number,
): number {
  if (options === undefined) return 1;
  const task = "acquire permits of a semaphore";
  checkOptions(options, task);
  const { permits: wanted = 1 } = options;
  return checkPermits(wanted, permits, task);
}

function checkPermits(permits: unknown, most: number, task: string): number {
  if (typeof permits !== "number" || !Number.isInteger(permits)) {
    throw new TypeError(`Cannot ${task}: permits must be a whole number, not ${nameOf(permits)}`);
  }
  if (permits >= 1 && permits <= most) return permits;
  throw new RangeError(`Cannot ${task}: permits must be from 1 to ${most} (given ${permits})`);
}
