import { adapter } from "../adapters/adapter.ts";
import { CLOCK_MONOTONIC } from "../c/constants.ts";
import { libc } from "../c/libc.ts";

const time = new BigInt64Array(2);
const bytes = new Uint8Array(time.buffer);

/**
 * Nanoseconds on the monotonic clock that all processes of this machine share. Exact to the
 * nanosecond up to 104 days after boot, then to two or four.
 */
export function monotonicNanoseconds(): number {
  // Elsewhere, the clock of the performance API: exact to a microsecond, and set at the thread's
  // start.
  if (adapter.platform !== "linux") return (performance.timeOrigin + performance.now()) * 1e6;
  // SAFETY: `bytes` has the 16 bytes of a `struct timespec`.
  libc.clock_gettime(CLOCK_MONOTONIC, bytes);
  return Number(time[0]) * 1e9 + Number(time[1]);
}
