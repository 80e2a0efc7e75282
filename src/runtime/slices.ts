import { errno, failureOf, systemError } from "./errno.ts";
import { libc } from "./libc.ts";

const SIGURG = 23;
const SIGEV_THREAD_ID = 4;
const CLOCK_MONOTONIC = 1;
const SLICE_NS = 50_000_000n;

/**
 * Repeats a blocking C call that locks `path` until it returns 0; `goOn` is asked before it and
 * between slices of 50 ms, and may throw. False where it said no.
 *
 * A blocked flock(2) ends early by a signal alone, and an unbounded one would keep its thread
 * from ever being terminated. So a timer of this thread sends it SIGURG every slice, handled
 * without SA_RESTART by a harmless C function (timer_create(2), SIGEV_THREAD_ID).
 */
export function waitInSlices(block: () => number, path: string, goOn: () => boolean): boolean {
  if (!goOn()) return false;
  const timer = sliceTimer();
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
 * Ends the present slice of another thread's wait, so that it asks whether to go on. May come
 * between that question and the sleep: say it again until the thread has answered.
 */
export function interruptThread(thread: number): void {
  libc.tgkill(libc.getpid(), thread, SIGURG);
}

function timerspec(nanoseconds: bigint): Uint8Array {
  return new Uint8Array(new BigInt64Array([0n, nanoseconds, 0n, nanoseconds]).buffer);
}
const ARMED = timerspec(SLICE_NS);
const DISARMED = timerspec(0n);

let timerOfThread: number | undefined;

/** Installs the handler and makes this thread's timer, at its first wait. */
function sliceTimer(): number {
  if (timerOfThread !== undefined) return timerOfThread;
  const { dlsym, gettid, sigaction, timer_create } = libc;
  const handler = dlsym(0, new TextEncoder().encode("getppid\0"));
  const action = new DataView(new ArrayBuffer(152)); // struct sigaction: no mask, no flags.
  action.setBigUint64(0, BigInt(handler), true);
  sigaction(SIGURG, new Uint8Array(action.buffer), 0);

  const event = new DataView(new ArrayBuffer(64)); // struct sigevent.
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
