import { Deadline } from "../contract/deadline.ts";
import { type AcquireOptions, isTimed } from "../contract/options.ts";
import type { Attempt } from "./async_waiters.ts";
import type { Attachment } from "./attachment.ts";
import { intervalAfter, LookDuty } from "./look_duty.ts";

const SLEEPERS = 0x80000000 | 0;
const TASKS = 0x40000000;
const MANY = 0x20000000;
/** The bits about waiters: a signal does nothing without them. */
export const WAITERS = SLEEPERS | TASKS | MANY;
const COUNT = ~WAITERS;
const ALL = 0x7fffffff;

/** How many threads can run at a time. */
export const PROCESSORS: number = globalThis.navigator?.hardwareConcurrency ?? 1;
/** The most looks before the first sleep: about as long as a wake takes. */
const MOST_LOOKS = PROCESSORS > 1 ? 6000 : 0;
/** What is left of them after they were in vain; and which wait looks so often in any case. */
const [KEPT, RETRY] = [7 / 8, 32];
/** How long the first sleep of a wait is that is mostly short, in milliseconds. */
const SHORT_SLEEP = 4;

/** What a thread or a task waits for at a {@linkcode WaitWord}. */
export interface Wait<T> extends Attempt<T> {
  /**
   * Returns what the waiter waits for, if it can have it now; else `undefined`.
   *
   * @param patient Whether time has passed, so that it is worth checking that holders live.
   */
  run(patient: boolean): T | undefined;
  /**
   * Whether another waiter could have what it waits for now. A thread that was woken asks when it
   * ends its wait, since its wake may have been meant for two. Left out if a signal must wake all.
   */
  isLeft?(): boolean;
  /**
   * A word of its own at which the thread sleeps; the other one is not marked. `mark` says that it is
   * about to sleep, and returns what the word is then.
   */
  readonly own?: { readonly at: number; mark(): number };
  /**
   * Whether most waits are short, so that a thread first sleeps for a moment without a record of its
   * wait and without the duty to look, which cost more than the wake.
   */
  readonly isShort?: boolean;
  /** Whether others may end the wait at this moment, so that a thread looks again before it sleeps. */
  readonly spins?: boolean;
}

/**
 * A word at which threads and tasks wait until something changes that is in other words. They look
 * at that before they sleep and whenever they are woken; a thread that changes it signals the word.
 *
 * | word            | meaning                                   | leaves by                       |
 * | --------------- | ----------------------------------------- | ------------------------------- |
 * | `count`         | no waiter                                 | a waiter: sets its bits         |
 * | bit 31          | some threads may sleep                    | a signal: counts up, wakes one  |
 * | bit 31, bit 29  | some threads may sleep                    | a signal: counts up, wakes all  |
 * | bit 30          | some tasks may wait                       | a signal: counts up, the event  |
 *
 * A waiter sets its bits, then looks, then sleeps while the word is the same. A thread that changes
 * something does so, then looks at the word: so one of the two sees the other. A thread that was
 * woken alone sets bit 31 when it ends its wait, since others may sleep, and signals if another one
 * could go on. So there may be one wake too many, and never one too few. A waiter that dies leaves
 * only bits; if it was the only one to be woken, the others look by themselves within 50 ms.
 *
 * The word at 16 after it has the duty to look after holders; see look_duty.ts.
 */
export class WaitWord {
  /** The bytes of a word with that of the duty. */
  static readonly BYTES = 32;

  readonly #attachment: Attachment;
  readonly #at: number;
  /** How often a thread looks before it sleeps: less, the more often it did so in vain. */
  #looks = MOST_LOOKS;
  #spins = 0;

  /** The word at an offset of the buffer. */
  constructor(attachment: Attachment, at: number) {
    this.#attachment = attachment;
    this.#at = at;
  }

  /** Whether no task of this thread waits. */
  get isIdle(): boolean {
    return this.#attachment.asyncWaiters.isIdleAt(this.#at);
  }

  /** Whether threads or tasks may wait. */
  get hasWaiters(): boolean {
    return (this.#attachment.region.atomics.load32(this.#at) & WAITERS) !== 0;
  }

  /** Wakes waiters, after a change that they may wait for. */
  signal(): void {
    if (this.hasWaiters) this.#wake();
  }

  /**
   * Waits, blocking the thread. The options were checked.
   *
   * @throws {DOMException} Named `TimeoutError`, if the timeout ran out.
   */
  waitSync<T>(wait: Wait<T>, options: AcquireOptions | undefined): T {
    const early = wait.spins ? this.#spin(wait) : undefined;
    if (early !== undefined) return early;
    const { region, waitRecords } = this.#attachment;
    const deadline = options && new Deadline(options, () => wait.timeoutMessage());
    const duty = new LookDuty(region, this.#at);
    const mayEnd = isTimed(options);
    const watch = wait.kind === "lock"
      ? this.#attachment.deadlocks?.watch(this.#at, true, mayEnd)
      : undefined;
    const start = performance.now();
    const marks = wait.isLeft === undefined ? SLEEPERS | MANY : SLEEPERS;
    let slept = false;
    let isRecorded = false;
    let isStill = false;
    try {
      for (;;) {
        const word = wait.own?.mark() ?? this.#mark(marks);
        const left = deadline?.left ?? Infinity;
        const got = wait.run(isStill || left <= 0);
        if (got !== undefined) return got;
        if (slept) watch?.look();
        deadline?.throwIfAborted();
        if (left <= 0) throw deadline!.timeout();
        const isFirst = !slept && wait.isShort === true;
        if (!isRecorded && !isFirst) {
          waitRecords!.block(this.#at, { kind: wait.kind, isTimed: mayEnd });
        }
        slept = true;
        isRecorded = !isFirst;
        const began = performance.now();
        const interval = intervalAfter(began - start);
        const time = Math.min(isFirst ? SHORT_SLEEP : duty.take(interval), left);
        const woken = region.wait(wait.own?.at ?? this.#at, word, time);
        // Neither woken, nor stopped by another word. Clocks are rounded.
        isStill = !isFirst && !woken && performance.now() - began >= time - 0.1;
      }
    } finally {
      if (slept) this.#passOn(wait);
      duty.leave();
      if (isRecorded) waitRecords!.unblock();
    }
  }

  /**
   * Waits, without blocking the thread. The options were checked.
   *
   * @throws {DOMException} Named `TimeoutError`, if the timeout ran out.
   */
  wait<T>(wait: Wait<T>, options: AcquireOptions | undefined): Promise<T> {
    const attempt: Attempt<T> = {
      kind: wait.kind,
      run: (patient) => {
        const got = wait.run(patient);
        if (got !== undefined) return got;
        this.#mark(TASKS);
        return wait.run(patient);
      },
      timeoutMessage: () => wait.timeoutMessage(),
      watch: wait.kind === "lock"
        ? this.#attachment.deadlocks?.watch(this.#at, false, isTimed(options))
        : undefined,
    };
    return this.#attachment.asyncWaiters.wait(this.#at, attempt, options);
  }

  #spin<T>(wait: Wait<T>): T | undefined {
    const most = this.#spins++ % RETRY === 0 ? MOST_LOOKS : this.#looks;
    let looks = 0;
    const got = this.#attachment.region.spin(() => {
      looks++;
      return wait.run(false);
    }, most);
    this.#looks = got === undefined
      ? Math.floor(this.#looks * KEPT)
      : Math.min(Math.max(this.#looks, 4 * looks), MOST_LOOKS);
    return got;
  }

  /** Sets bits in the word and returns it. */
  #mark(marks: number): number {
    const { atomics } = this.#attachment.region;
    for (;;) {
      const word = atomics.load32(this.#at);
      const marked = word | marks;
      if (word === marked || atomics.compareExchange32(this.#at, word, marked) === word) {
        return marked;
      }
    }
  }

  #wake(): void {
    const { region, asyncWaiters } = this.#attachment;
    for (;;) {
      const word = region.atomics.load32(this.#at);
      if ((word & WAITERS) === 0) return; // The one that was woken passes the wake on.
      const next = (word + 1) & COUNT;
      if (region.atomics.compareExchange32(this.#at, word, next) !== word) continue;
      if ((word & SLEEPERS) !== 0) region.wake(this.#at, (word & MANY) !== 0 ? ALL : 1);
      if ((word & TASKS) !== 0) asyncWaiters.notify(this.#at);
      return;
    }
  }

  #passOn({ isLeft }: Wait<unknown>): void {
    if (isLeft === undefined) return;
    this.#mark(SLEEPERS);
    if (isLeft()) this.#wake();
  }
}
