import type { AcquireOptions } from "../contract/options.ts";
import type { Attachment } from "./attachment.ts";
import { CONDITION, MOST_WAITERS } from "./layout.ts";
import { OWNER } from "./lock_words.ts";
import type { Region } from "./region.ts";
import { type Wait, WaitWord } from "./wait_word.ts";

const TASKS = 0x80000000 | 0;
const NOTIFIED = 0x40000000;
/** The distance from a cell to the number of its wait. */
const NUMBERS = CONDITION.numbers - CONDITION.cells;
/** In the number: the thread sleeps, or is about to, so that a notification must wake it. */
const SLEEPS = 1;
/** How often an object looks for dead waiters at most, in milliseconds: many tasks may ask for it. */
const LOOK = 0.4;

/**
 * The cells of a condition, one for each waiter, which name threads. A waiter takes its cell while it
 * holds the mutex of the condition. So it misses no later notification, and gets no earlier one.
 *
 * | cell             | meaning                     | leaves by                                      |
 * | ---------------- | --------------------------- | ---------------------------------------------- |
 * | `0`              | free                        | a thread that holds the mutex: to `me`         |
 * | `waiter`         | its thread waits            | a notifier: sets bit 30; the waiter: to `0`    |
 * | `waiter`, bit 31 | a task of its thread waits  | the same                                       |
 * | with bit 30      | it was notified             | the waiter: to `0`                             |
 * | of a dead waiter | it died while it waited     | another waiter: to `0`                         |
 * | the same, bit 30 | it died with a notification | another waiter: to its own; notifies; to `0`   |
 *
 * So no notification is lost: a waiter that gives up finds that it was notified, and that of a waiter
 * that died goes to the oldest one left. That one may have begun to wait later; then it returns for no
 * reason. A notifier that dies before it wakes the waiter makes it late by 50 ms at most.
 */
export class ConditionCells {
  readonly #attachment: Attachment;
  readonly #region: Region;
  readonly #me: number;
  readonly #at: number;
  readonly #first: number;
  readonly #word: WaitWord;
  readonly #wake: (cell: number) => void;
  /** When this object last looked for waiters that died. */
  #looked = -Infinity;

  /**
   * The cells of the condition at an offset of the buffer.
   *
   * @param wake Wakes the thread that sleeps at a cell. Default: at once.
   */
  constructor(
    attachment: Attachment,
    at: number,
    wake = (cell: number): void => attachment.region.wake(cell, 1),
  ) {
    this.#attachment = attachment;
    this.#region = attachment.region;
    this.#me = attachment.identity;
    this.#at = at;
    this.#first = at + CONDITION.cells;
    this.#word = new WaitWord(attachment, at);
    this.#wake = wake;
  }

  /** How many wait, were not notified, and have not died. */
  get waiting(): number {
    let waiting = 0;
    const gone = new Map([[this.#me, false]]);
    const end = this.#end;
    for (let cell = this.#first; cell < end; cell += 4) {
      const word = this.#region.atomics.load32(cell);
      if (!isWaiting(word)) continue;
      const owner = word & OWNER;
      if (!gone.has(owner)) gone.set(owner, this.#attachment.threads.isGone(owner));
      if (!gone.get(owner)) waiting++;
    }
    return waiting;
  }

  /**
   * Takes a cell. The caller holds the mutex, so no other thread changes `last` and `used`.
   *
   * @param isTask Whether a task is to wait, and not the thread.
   * @returns The cell; `undefined` if all are taken.
   */
  take(isTask: boolean): number | undefined {
    const { atomics } = this.#region;
    let { free, end } = this.#look();
    if (free === this.#first + 4 * MOST_WAITERS) {
      this.#clearDead();
      ({ free, end } = this.#look());
      if (free === this.#first + 4 * MOST_WAITERS) return undefined;
    }
    atomics.store32(free + NUMBERS, atomics.add32(this.#at + CONDITION.last, 2));
    atomics.store32(this.#at + CONDITION.used, (Math.max(free + 4, end) - this.#first) / 4);
    atomics.store32(free, isTask ? this.#me | TASKS : this.#me);
    return free;
  }

  /**
   * Waits until the cell, which {@linkcode take} returned, is notified. Frees it.
   *
   * @throws {DOMException} Named `TimeoutError`, if the timeout ran out.
   */
  waitSync(cell: number, options: AcquireOptions | undefined): void {
    try {
      this.#word.waitSync(this.#waitAt(cell), options);
    } catch (error) {
      if (!this.leave(cell)) throw error;
    }
  }

  /** The same without blocking the thread. */
  async wait(cell: number, options: AcquireOptions): Promise<void> {
    try {
      await this.#attachment.asyncWaiters.wait(cell, this.#waitAt(cell), options);
    } catch (error) {
      if (!this.leave(cell)) throw error;
    }
  }

  /** Frees a cell; returns whether it was notified. */
  leave(cell: number): boolean {
    const { atomics } = this.#region;
    const waiter = atomics.load32(cell) & ~NOTIFIED;
    if (atomics.compareExchange32(cell, waiter, 0) === waiter) return false;
    atomics.store32(cell, 0);
    return true;
  }

  /** Notifies the one that has waited longest; false if none waits. */
  notifyOldest(): boolean {
    const { atomics } = this.#region;
    for (;;) {
      let [oldest, waiter, number] = [0, 0, 0];
      const end = this.#end;
      for (let cell = this.#first; cell < end; cell += 4) {
        const word = atomics.load32(cell);
        if (!isWaiting(word)) continue;
        const own = atomics.load32(cell + NUMBERS);
        if (oldest === 0 || ((own - number) | 0) < 0) [oldest, waiter, number] = [cell, word, own];
      }
      if (oldest === 0) return false;
      if (this.#notify(oldest, waiter)) return true;
    }
  }

  /** Notifies all that wait; returns how many. */
  notifyAll(): number {
    let notified = 0;
    const end = this.#end;
    for (let cell = this.#first; cell < end; cell += 4) {
      const word = this.#region.atomics.load32(cell);
      if (isWaiting(word) && this.#notify(cell, word)) notified++;
    }
    return notified;
  }

  /** The end of the cells that may be in use. */
  get #end(): number {
    return this.#first + 4 * this.#region.atomics.load32(this.#at + CONDITION.used);
  }

  /** Finds the first cell that is free, and the end of those that are not. */
  #look(): { free: number; end: number } {
    let [free, used] = [0, this.#first];
    const end = this.#end;
    for (let cell = this.#first; cell < end; cell += 4) {
      if (this.#region.atomics.load32(cell) !== 0) used = cell + 4;
      else free ||= cell;
    }
    return { free: free || end, end: used };
  }

  #waitAt(cell: number): Wait<true> {
    const { atomics } = this.#region;
    return {
      kind: "flag",
      own: {
        at: cell,
        mark: () => {
          atomics.store32(cell + NUMBERS, atomics.load32(cell + NUMBERS) | SLEEPS);
          return this.#me;
        },
      },
      isShort: true,
      spins: true,
      run: (patient) => {
        if (patient) this.#lookForDead();
        if ((atomics.load32(cell) & NOTIFIED) === 0) return undefined;
        atomics.store32(cell, 0);
        return true;
      },
      timeoutMessage: () => "Cannot wait any longer for a condition: it was not notified in time",
    };
  }

  #notify(cell: number, waiter: number): boolean {
    const { region, asyncWaiters } = this.#attachment;
    if (region.atomics.compareExchange32(cell, waiter, waiter | NOTIFIED) !== waiter) return false;
    if ((waiter & TASKS) === 0) {
      if ((region.atomics.load32(cell + NUMBERS) & SLEEPS) !== 0) this.#wake(cell);
    } else {
      asyncWaiters.notify(cell);
      asyncWaiters.tryNext(cell); // A task of this thread need not let others go first.
    }
    return true;
  }

  #lookForDead(): void {
    const now = performance.now();
    if (now - this.#looked < LOOK) return;
    this.#looked = now;
    this.#clearDead();
  }

  /** Frees the cells of waiters that died, and passes their notifications on. */
  #clearDead(): void {
    const { atomics } = this.#region;
    const { threads } = this.#attachment;
    const end = this.#end;
    for (let cell = this.#first; cell < end; cell += 4) {
      const word = atomics.load32(cell);
      const owner = word & OWNER;
      if (owner === 0 || owner === this.#me || !threads.isFoundGone(owner)) continue;
      const isNotified = (word & NOTIFIED) !== 0;
      // If this thread dies before it has passed the notification on, the next one finds it again.
      const taken = isNotified ? this.#me | NOTIFIED : 0;
      if (atomics.compareExchange32(cell, word, taken) !== word || !isNotified) continue;
      this.notifyOldest();
      atomics.store32(cell, 0);
    }
  }
}

/** Whether a cell is that of a waiter that was not notified. */
function isWaiting(cell: number): boolean {
  return cell !== 0 && (cell & NOTIFIED) === 0;
}
