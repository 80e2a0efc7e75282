import { MUTEX } from "./layout.ts";
import { MAX_SLEEP, type Region } from "./region.ts";

/** A promise beyond this many microseconds is of a thread with another clock, and means nothing. */
const FARTHEST = 32_768;

/**
 * How long the waiter sleeps that looks after the owner, in milliseconds: a part of its wait so far,
 * so that the looks become rarer. The last one is for waits of more than a second.
 */
const [FIRST_LOOK, LAST_LOOK, LATE_LOOK] = [0.5, 4, 25];
const LOOKS_PER_WAIT = 16;
const LONG_WAIT = 1000;

/** How long to sleep before the next look at the owner, after a wait of so many milliseconds. */
export function intervalAfter(waited: number): number {
  if (waited > LONG_WAIT) return LATE_LOOK;
  return Math.min(Math.max(waited / LOOKS_PER_WAIT, FIRST_LOOK), LAST_LOOK);
}

/**
 * The duty of a mutex's waiters to look after its owner, since a dead owner wakes none of them. One
 * of them has it: it has promised, in a word of the mutex, when it looks next. It sleeps until then,
 * and the others sleep for long. A promise only saves time: each waiter looks after its own sleep,
 * whether it has the duty or not.
 *
 * | look         | meaning                            | leaves by                                   |
 * | ------------ | ---------------------------------- | ------------------------------------------- |
 * | `0`          | no waiter has promised to look     | a waiter about to sleep: to its promise     |
 * | `time` ahead | a waiter looks then                | that waiter: to `0`, wakes one; or later    |
 * | any other    | that waiter died, or was too late  | a waiter about to sleep: to its promise     |
 *
 * The times are the low 32 bits of microseconds, so they are compared by their difference.
 */
export class LookDuty {
  readonly #region: Region;
  /** The offset of the mutex. */
  readonly #at: number;
  /** The promise of this waiter; 0 if it has made none. */
  #promise = 0;

  constructor(region: Region, at: number) {
    this.#region = region;
    this.#at = at;
  }

  /**
   * Takes the duty if no other waiter has it, and returns how long to sleep, in milliseconds.
   *
   * @param interval How long the waiter with the duty sleeps.
   */
  take(interval: number): number {
    const { atomics } = this.#region;
    const at = this.#at + MUTEX.look;
    const now = this.#region.now() | 0;
    const known = atomics.load32(at);
    const ahead = (known - now) | 0;
    const isTaken = known !== 0 && known !== this.#promise && ahead > 0 && ahead < FARTHEST;
    const promise = (now + interval * 1000) | 0 || 1;
    if (isTaken || atomics.compareExchange32(at, known, promise) !== known) {
      this.#promise = 0;
      return MAX_SLEEP;
    }
    this.#promise = promise;
    return interval;
  }

  /** Whether this waiter has the duty. */
  get isTaken(): boolean {
    return this.#promise !== 0;
  }

  /** Ends the wait: another waiter takes the duty over, if this one has it. */
  leave(): void {
    if (this.#promise === 0) return;
    const { atomics } = this.#region;
    const at = this.#at + MUTEX.look;
    if (atomics.compareExchange32(at, this.#promise, 0) !== this.#promise) return;
    this.#region.wake(this.#at, 1);
  }
}
