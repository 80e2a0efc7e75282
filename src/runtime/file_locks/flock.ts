import { EWOULDBLOCK, failureOf } from "../c/errno.ts";
import { libc } from "../c/libc.ts";
import { waitInterruptibly } from "../waiting/interruptible_wait.ts";

/** The operations of flock(2), the same on all systems that have it. */
export const LOCK_SH = 1;
export const LOCK_EX = 2;
export const LOCK_NB = 4;
export const LOCK_UN = 8;
/** The tries of a thread before it sleeps: most holds are shorter than a sleep. */
const TRIES = 5;

/**
 * Tries to lock the open file; false if the lock of another open file description conflicts. If
 * this one is locked already, changes the mode; if that fails, the lock is lost.
 */
export function tryFlock(fd: number, path: string, shared = false): boolean {
  let last = 0;
  for (;;) {
    if (libc.flock(fd, (shared ? LOCK_SH : LOCK_EX) | LOCK_NB) === 0) return true;
    last = failureOf("lock", path, last);
    if (last === EWOULDBLOCK) return false;
  }
}

/** Releases the lock on the open file. */
export function unlockFlock(fd: number, path: string): void {
  let last = 0;
  while (libc.flock(fd, LOCK_UN) !== 0) last = failureOf("unlock", path, last);
}

/**
 * Sleeps in the kernel until the file is locked.
 *
 * @param goOn Called before the wait and then every 50 ms; may throw.
 * @returns False if `goOn` returned false.
 */
export function waitFlock(
  fd: number,
  path: string,
  goOn: () => boolean,
  shared = false,
): boolean {
  for (let tries = 0; tries < TRIES; tries++) {
    if (tryFlock(fd, path, shared)) return true;
    libc.sched_yield();
  }
  const { flock } = libc;
  const operation = shared ? LOCK_SH : LOCK_EX;
  return waitInterruptibly(() => flock(fd, operation), path, goOn);
}
