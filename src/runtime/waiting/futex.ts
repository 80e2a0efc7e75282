import { UnsupportedError } from "../../contract/errors.ts";
import { adapter } from "../adapters/adapter.ts";
import type { CFunctions } from "../adapters/port.ts";

// Without FUTEX_PRIVATE_FLAG, since processes share the word.
const FUTEX_WAIT = 0;
const FUTEX_WAKE = 1;
const SYS_FUTEX: Readonly<Record<string, number | undefined>> = { x64: 202, arm64: 98 };

// A wake has a binding without the timeout, which saves a third of its cost in Node.
// SAFETY: syscall(2) is variadic; integers and pointers are passed as by these fixed signatures.
const WAIT = {
  syscall: { parameters: ["i64", "pointer", "i32", "u32", "bytes"], result: "i32" },
} as const;
const WAKE = { syscall: { parameters: ["i64", "pointer", "i32", "i32"], result: "i32" } } as const;

let wait: CFunctions<typeof WAIT> | undefined;
let wake: CFunctions<typeof WAKE> | undefined;

/** A `struct timespec` in 32-bit halves, since 64 bits would need bigints. */
const timeout = new Uint32Array(4);
const timeoutBytes = new Uint8Array(timeout.buffer);

function number(): number {
  const found = adapter.platform === "linux" ? SYS_FUTEX[adapter.arch] : undefined;
  if (found === undefined) {
    throw new UnsupportedError(
      `Cannot sleep between processes on ${adapter.platform} ${adapter.arch}: only futex(2) of ` +
        "Linux on x64 and arm64 is supported. Anonymous memory for the workers of this process " +
        "still works",
    );
  }
  return found;
}

/**
 * Sleeps while the 32-bit word at `address` is `expected`, for `milliseconds` at most (finite).
 * May return at any time (spurious wakeup), so look at the word again. See futex(2).
 *
 * SAFETY: the word must stay mapped during the call, and `address` be a multiple of 4.
 *
 * @returns Whether it was woken.
 */
export function futexWait(address: number, expected: number, milliseconds: number): boolean {
  const seconds = Math.floor(milliseconds / 1000);
  timeout[0] = seconds;
  timeout[2] = (milliseconds - seconds * 1000) * 1e6;
  wait ??= adapter.bind(WAIT);
  prepareWake();
  return wait.syscall(number(), address, FUTEX_WAIT, expected >>> 0, timeoutBytes) === 0;
}

/**
 * Binds the call that wakes, which takes 0.3 ms, before a sleep: the woken thread, which often has
 * to wake another one, would be late by that.
 */
export function prepareWake(): void {
  wake ??= adapter.bind(WAKE);
}

/**
 * Wakes up to `count` threads that sleep on the word; returns how many. See futex(2).
 *
 * SAFETY: `address` is never read, so a word that is no longer mapped does no harm.
 */
export function futexWake(address: number, count: number): number {
  prepareWake();
  return wake!.syscall(number(), address, FUTEX_WAKE, count);
}
