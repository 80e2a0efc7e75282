import { CLOCK_MONOTONIC } from "../c/constants.ts";
import { libc } from "../c/libc.ts";

const time = new BigInt64Array(2);
const bytes = new Uint8Array(time.buffer);

/**
 * Nanoseconds on the monotonic clock that all processes of this machine share. Exact to the
 * nanosecond up to 104 days after boot, then to two or four.
 */
export function monotonicNanoseconds(): number {
  // SAFETY: `bytes` has the 16 bytes of a `struct timespec`.
  libc.clock_gettime(CLOCK_MONOTONIC, bytes);
  return Number(time[0]) * 1e9 + Number(time[1]);
}
