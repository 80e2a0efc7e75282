import { adapter } from "./adapter.ts";
import { libc } from "./libc.ts";

const CLOCK_BOOTTIME = 7;

/** A moment of this machine, to measure the time since. */
export interface Moment {
  /** Milliseconds of the monotonic clock. */
  readonly steady: number;
  /** Milliseconds of the wall clock, where that has to show how long the machine slept. */
  readonly wall: number | undefined;
}

let boottime: (() => number) | undefined;

/** CLOCK_BOOTTIME in milliseconds, where the system has it and C may be called without asking. */
function findBoottime(): (() => number) | undefined {
  if (adapter.platform !== "linux" || !adapter.mayCallC()) return undefined;
  const time = new BigInt64Array(2);
  const bytes = new Uint8Array(time.buffer);
  const read = () => {
    libc.clock_gettime(CLOCK_BOOTTIME, bytes);
    return Number(time[0]) * 1e3 + Number(time[1]) / 1e6;
  };
  try {
    return libc.clock_gettime(CLOCK_BOOTTIME, bytes) === 0 ? read : undefined;
  } catch {
    return undefined;
  }
}

let looked = false;

/**
 * This moment, on a clock that no step of the wall clock moves and that goes on while the machine
 * sleeps: CLOCK_BOOTTIME. Where C may not be called, both `performance.now()`, which stands still
 * during a sleep, and the wall clock are kept.
 */
export function thisMoment(): Moment {
  if (!looked) {
    looked = true;
    boottime = findBoottime();
  }
  if (boottime !== undefined) return { steady: boottime(), wall: undefined };
  return { steady: performance.now(), wall: Date.now() };
}

/**
 * Milliseconds since a moment. Where there are two clocks, what the one says that ran further: a
 * wall clock that was set forward makes this too long, and never too short.
 */
export function millisecondsSince({ steady, wall }: Moment): number {
  if (wall === undefined && boottime !== undefined) return boottime() - steady;
  return Math.max(performance.now() - steady, Date.now() - (wall ?? Infinity));
}
