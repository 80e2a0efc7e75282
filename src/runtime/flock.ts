import { EINTR, errno, EWOULDBLOCK, systemError } from "./errno.ts";
import { libc } from "./libc.ts";

const LOCK_EX = 2;
const LOCK_NB = 4;
const LOCK_UN = 8;
const SIGURG = 23;
const SIGEV_THREAD_ID = 4;
const CLOCK_MONOTONIC = 1;
const SLICE_NS = 50_000_000n;

/** Tries to lock the open file exclusively; false where another open file description has it. */
export function tryFlock(fd: number, path: string): boolean {
  for (;;) {
    if (libc.flock(fd, LOCK_EX | LOCK_NB) === 0) return true;
    const failure = errno();
    if (failure === EWOULDBLOCK) return false;
    if (failure !== EINTR) throw systemError("lock", path, failure);
  }
}

/** Gives the lock on the open file back. */
export function unlockFlock(fd: number, path: string): void {
  if (libc.flock(fd, LOCK_UN) !== 0) throw systemError("unlock", path, errno());
}

/**
 * Sleeps in the kernel until the lock is there; `goOn` is asked between slices of 50 ms and may
 * throw. False where it said no.
 *
 * A blocked flock(2) ends early by a signal alone, and an unbounded one would keep its thread
 * from ever being terminated. So a timer of this thread sends it SIGURG every slice, handled
 * without SA_RESTART by a harmless C function (timer_create(2), SIGEV_THREAD_ID).
 */
export function waitFlock(fd: number, path: string, goOn: () => boolean): boolean {
  if (tryFlock(fd, path)) return true;
  if (!goOn()) return false;
  const timer = sliceTimer();
  const { flock, timer_settime } = libc;
  timer_settime(timer, 0, ARMED, 0);
  try {
    for (;;) {
      if (flock(fd, LOCK_EX) === 0) return true;
      const failure = errno();
      if (failure !== EINTR) throw systemError("lock", path, failure);
      if (!goOn()) return false;
    }
  } finally {
    timer_settime(timer, 0, DISARMED, 0);
  }
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
