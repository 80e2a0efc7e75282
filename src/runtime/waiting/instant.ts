import { adapter } from "../adapters/adapter.ts";
import { libc } from "../c/libc.ts";

const CLOCK_BOOTTIME = 7;

/** A point in time of this machine, to measure the time since. */
export interface Instant {
  /** Milliseconds of the monotonic clock. */
  readonly steady: number;
  /** Milliseconds of the wall clock, if only that tells how long the machine slept. */
  readonly wall: number | undefined;
}

let boottime: (() => number) | undefined;

/** CLOCK_BOOTTIME in milliseconds, if the system has it and C may be called without a prompt. */
function findBoottime(): (() => number) | undefined {
  if (adapter.platform !== "linux" || !adapter.mayCallC()) return undefined;
  const time = new BigInt64Array(2);
  const bytes = new Uint8Array(time.buffer);
  // SAFETY: `bytes` has the 16 bytes of a `struct timespec`.
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
 * The time now, on a clock that no change of the wall clock affects and that goes on while the
 * machine sleeps: CLOCK_BOOTTIME. If C may not be called, both `performance.now()`, which stops
 * while the machine sleeps, and the wall clock are kept.
 */
export function thisInstant(): Instant {
  if (!looked) {
    looked = true;
    boottime = findBoottime();
  }
  if (boottime !== undefined) return { steady: boottime(), wall: undefined };
  return { steady: performance.now(), wall: Date.now() };
}

/**
 * Milliseconds since an instant. Of two clocks, the one that advanced more counts: a wall clock
 * that was set forward makes the time too long, never too short.
 */
export function millisecondsSince({ steady, wall }: Instant): number {
  if (wall === undefined && boottime !== undefined) return boottime() - steady;
  return Math.max(performance.now() - steady, Date.now() - (wall ?? Infinity));
}
