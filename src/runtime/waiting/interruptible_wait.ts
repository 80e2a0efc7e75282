import { CLOCK_MONOTONIC } from "../c/constants.ts";
import { errno, failureOf, systemError } from "../c/errno.ts";
import { addressOfFunction, libc } from "../c/libc.ts";

const SIGURG = 23;
const SIGEV_THREAD_ID = 4;
const INTERVAL_NS = 50_000_000n;

/**
 * Repeats a blocking C call that locks `path` until it returns 0.
 *
 * Only a signal ends a blocked flock(2) early, and a thread cannot be terminated while it is
 * blocked. So a timer of this thread sends it SIGURG every 50 ms, handled without SA_RESTART by a
 * harmless C function (timer_create(2), SIGEV_THREAD_ID).
 *
 * @param goOn Called before the wait and then every 50 ms; may throw.
 * @returns False if `goOn` returned false.
 */
export function waitInterruptibly(block: () => number, path: string, goOn: () => boolean): boolean {
  if (!goOn()) return false;
  const timer = interruptTimer();
  const { timer_settime } = libc;
  timer_settime(timer, 0, ARMED, 0);
  let last = 0;
  try {
    for (;;) {
      if (block() === 0) return true;
      last = failureOf("lock", path, last);
      if (!goOn()) return false;
    }
  } finally {
    timer_settime(timer, 0, DISARMED, 0);
  }
}

/**
 * Interrupts the wait of another thread, which then calls its `goOn`. The signal may arrive between
 * that call and the sleep, so repeat it until the thread has answered.
 */
export function interruptThread(thread: number): void {
  libc.tgkill(libc.getpid(), thread, SIGURG);
}

function timerspec(nanoseconds: bigint): Uint8Array {
  return new Uint8Array(new BigInt64Array([0n, nanoseconds, 0n, nanoseconds]).buffer);
}
const ARMED = timerspec(INTERVAL_NS);
const DISARMED = timerspec(0n);

let timerOfThread: number | undefined;

/** Installs the handler and makes this thread's timer, at its first wait. */
function interruptTimer(): number {
  if (timerOfThread !== undefined) return timerOfThread;
  const { gettid, sigaction, timer_create } = libc;
  // SAFETY: getppid(2) takes no argument, may be called by a signal handler, and does nothing else.
  const handler = addressOfFunction("getppid");
  // SAFETY: a `struct sigaction` of glibc and of musl has 152 bytes: the handler, no mask, no
  // flags.
  const action = new DataView(new ArrayBuffer(152));
  action.setBigUint64(0, BigInt(handler), true);
  sigaction(SIGURG, new Uint8Array(action.buffer), new Uint8Array(152));

  // SAFETY: a `struct sigevent` has 64 bytes; the signal goes to this thread alone.
  const event = new DataView(new ArrayBuffer(64));
  event.setInt32(8, SIGURG, true);
  event.setInt32(12, SIGEV_THREAD_ID, true);
  event.setInt32(16, gettid(), true);
  const id = new BigInt64Array(1);
  const made = timer_create(
    CLOCK_MONOTONIC,
    new Uint8Array(event.buffer),
    new Uint8Array(id.buffer),
  );
  if (made !== 0) throw systemError("make a timer for a wait on", "flock", errno());
  return timerOfThread = Number(id[0]);
}
