import { adapter } from "./adapter.ts";
import { UnsupportedError } from "../contract/errors.ts";
import type { CFunctions } from "./port.ts";

// Without FUTEX_PRIVATE_FLAG: the word is shared between processes.
const FUTEX_WAIT = 0;
const FUTEX_WAKE = 1;
const SYS_FUTEX: Readonly<Record<string, number | undefined>> = { x64: 202, arm64: 98 };

// A wake is bound by itself, without the time that it has no use for: a third of its cost in Node.
const WAIT = {
  syscall: { parameters: ["i64", "pointer", "i32", "u32", "bytes"], result: "i32" },
} as const;
const WAKE = { syscall: { parameters: ["i64", "pointer", "i32", "i32"], result: "i32" } } as const;

let wait: CFunctions<typeof WAIT> | undefined;
let wake: CFunctions<typeof WAKE> | undefined;

/** A `struct timespec`, by halves, since 64 bits would make bigints. */
const timeout = new Uint32Array(4);
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
 * May return at any time (spurious wakeup): look at the word again. True where it was woken. See
 * futex(2).
 */
export function futexWait(address: number, expected: number, milliseconds: number): boolean {
  const seconds = Math.floor(milliseconds / 1000);
  timeout[0] = seconds;
  timeout[2] = (milliseconds - seconds * 1000) * 1e6;
  wait ??= adapter.bind(WAIT);
  return wait.syscall(number(), address, FUTEX_WAIT, expected >>> 0, timeoutBytes) === 0;
}

/** Wakes up to `count` threads that sleep on the word; returns how many. See futex(2). */
export function futexWake(address: number, count: number): number {
  wake ??= adapter.bind(WAKE);
  return wake.syscall(number(), address, FUTEX_WAKE, count);
}
