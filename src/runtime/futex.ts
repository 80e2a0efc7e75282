import { adapter } from "./adapter.ts";
import { UnsupportedError } from "../contract/errors.ts";
import { libc } from "./libc.ts";

// Without FUTEX_PRIVATE_FLAG: the word is shared between processes.
const FUTEX_WAIT = 0;
const FUTEX_WAKE = 1;
const SYS_FUTEX: Readonly<Record<string, number | undefined>> = { x64: 202, arm64: 98 };

const timeout = new BigInt64Array(2);
const timeoutBytes = new Uint8Array(timeout.buffer);

function number(): number {
  const found = adapter.platform === "linux" ? SYS_FUTEX[adapter.arch] : undefined;
  if (found === undefined) {
    throw new UnsupportedError(
      `Cannot sleep between processes on ${adapter.platform} ${adapter.arch}: futex(2) is known ` +
        "on Linux x64 and arm64. Anonymous memory for the workers of this process still works",
    );
  }
  return found;
}

/**
 * Sleeps while the 32-bit word at `address` is `expected`, for `milliseconds` at most (finite).
 * May return at any time (spurious wakeup): look at the word again. See futex(2).
 */
export function futexWait(address: number, expected: number, milliseconds: number): void {
  const seconds = Math.floor(milliseconds / 1000);
  timeout[0] = BigInt(seconds);
  timeout[1] = BigInt(Math.floor((milliseconds - seconds * 1000) * 1e6));
  libc.syscall(number(), address, FUTEX_WAIT, expected >>> 0, timeoutBytes);
}

/** Wakes up to `count` threads that sleep on the word; returns how many. See futex(2). */
export function futexWake(address: number, count: number): number {
  return libc.syscall(number(), address, FUTEX_WAKE, count, timeoutBytes);
}
