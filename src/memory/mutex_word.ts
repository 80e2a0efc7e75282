import { Deadline } from "../contract/deadline.ts";
import { DeadlockError } from "../contract/errors.ts";
import { type AcquireOptions, isTimed } from "../contract/options.ts";
import { describeOwner, type Owner } from "../contract/owner.ts";
import type { Attachment } from "./attachment.ts";
import { handedTo, HandOff } from "./hand_off.ts";
import { MUTEX } from "./layout.ts";
import { leastHoldTime, OWNER } from "./lock_words.ts";
import { intervalAfter, LookDuty } from "./look_duty.ts";
import type { Region } from "./region.ts";
import type { WaitWatch } from "./wait_watch.ts";

const SLEEPERS = 0x80000000 | 0;
const TASKS = 0x40000000;
/** The same bits as `AtomicOperations.unlock` returns them. */
const [TASKS_WAIT, SLEEPERS_WAIT, HEIR_WAITS] = [1, 2, 4];
/** In the word of the owner that died: what the mutex protects is inconsistent. */
export const INCONSISTENT = 0x80000000 | 0;

/** How long, in milliseconds, and how often a waiter naps that was woken and came late. */
const NAP = 0.05;
const NAPS = 5;

/**
 * The word of a mutex, by which threads wait for it and take it over from the dead. The fast path of
 * an acquire and of a release is in {@linkcode AtomicOperations}.
 *
 * | word            | meaning                           | leaves by                                |
 * | --------------- | --------------------------------- | ---------------------------------------- |
 * | `0`             | free                              | compare-and-swap to `me`                 |
 * | `owner`         | held, no waiter                   | owner: to `0`; a waiter: sets a bit      |
 * | `owner`, bit 31 | held, some threads may sleep      | owner: to `0`, then wakes one            |
 * | `owner`, bit 30 | held, some tasks may wait         | owner: to `0`, then increments the event |
 * | any `owner`     | held by an owner that is dead     | a waiter: swaps it for `me`, keeps bits  |
 *
 * The owner is a slot of the memory and its generation; see thread_registry.ts for when an owner
 * counts as dead. A death between any two of these steps leaves one of the states of the table. A
 * thread that slept acquires the lock with bit 31 set, since other threads may still sleep. A
 * thread that gives up passes the wake on. So there may be one wake too many, and never one too
 * few.
 *
 * After the futex mutexes of U. Drepper, "Futexes Are Tricky" (2011).
 */
export class MutexWord {
  readonly #attachment: Attachment;
  readonly #region: Region;
  readonly #at: number;
  readonly #me: number;
  readonly #isFair: boolean;

  /**
   * The word at an offset of the buffer.
   *
   * @param isFair Whether a waiter of this object asks for the lock that has been overtaken for long.
   */
  constructor(attachment: Attachment, at: number, isFair: boolean) {
    this.#attachment = attachment;
    this.#region = attachment.region;
    this.#at = at;
    this.#me = attachment.identity;
    this.#isFair = isFair;
  }

  /** The owner, if it is known; `undefined` if the lock is free. */
  owner(): Owner | undefined {
    const owner = this.#region.atomics.load32(this.#at) & OWNER;
    return owner === 0 ? undefined : this.#attachment.threads.describe(owner);
  }

  /** Wakes the waiters that the two high bits of the word indicated. */
  wake(waiting: number): void {
    if ((waiting & SLEEPERS_WAIT) !== 0) this.#region.wake(this.#at, 1);
    if ((waiting & TASKS_WAIT) !== 0) this.#attachment.asyncWaiters.notify(this.#at);
    if ((waiting & HEIR_WAITS) !== 0) this.#region.wake(this.#at + MUTEX.heir, 1);
  }

  /**
   * Waits until this thread has acquired the lock, blocking it. The options were checked.
   *
   * @throws {DOMException} Named `TimeoutError`, if the timeout ran out.
   * @throws {DeadlockError} If this thread holds the lock already.
   */
  sleep(options: AcquireOptions | undefined): void {
    const records = this.#attachment.waitRecords!;
    const deadline = options && new Deadline(options, () => this.timeoutMessage());
    const duty = new LookDuty(this.#region, this.#at);
    const handOff = this.#isFair ? new HandOff(this.#attachment, this.#at) : undefined;
    const wait = { kind: "lock", isTimed: isTimed(options) } as const;
    const watch = this.#attachment.deadlocks?.watch(this.#at, true, wait.isTimed);
    const block = () => records.block(this.#at, wait);
    try {
      this.#sleepUntilAcquired(deadline, block, duty, handOff, watch);
    } finally {
      // It may have been handed the lock when it gave up.
      if (handOff?.leave() === false) this.wake(this.#region.atomics.unlock(this.#at, this.#me));
      duty.leave();
      records.unblock();
    }
  }

  #sleepUntilAcquired(
    deadline: Deadline | undefined,
    block: () => void,
    duty: LookDuty,
    handOff: HandOff | undefined,
    watch: WaitWatch | undefined,
  ): void {
    const { atomics } = this.#region;
    const { threads, thread } = this.#attachment;
    const start = performance.now();
    let slept = 0;
    let woken = false;
    /** The word that this waiter slept on, if it was the same for as long. */
    let still = 0;
    let naps = 0;
    let seen = 0;
    for (;;) {
      if (handOff?.take()) return this.#noteTime();
      const word = atomics.load32(this.#at);
      if (word === 0) {
        if (atomics.compareExchange32(this.#at, 0, this.#me | slept) !== 0) continue;
        if (slept !== 0) this.#noteTime(); // Not before: a look at the clock lets others overtake.
        return;
      }
      const owner = word & OWNER;
      if (owner === this.#me && handOff?.isAsked) continue; // It was handed off just now.
      if (owner !== seen && (owner === this.#me || threads.isMine(owner, thread))) {
        if (slept !== 0) this.#handOn();
        throw new DeadlockError(
          "Cannot wait for a mutex: this thread holds it, so the wait would never end",
        );
      }
      const left = deadline?.left ?? Infinity;
      const isLate = left <= 0;
      // An owner that this thread has not checked for long may have died long ago.
      const isDue = isLate || word === still || threads.isDue(owner);
      if (isDue && this.takeOver()) return;
      try {
        deadline?.throwIfAborted();
        if (isLate) throw deadline!.timeout();
        if (slept !== 0) watch?.look();
      } catch (error) {
        if (slept !== 0) this.#handOn();
        throw error;
      }
      seen = owner;
      // It looks at the word again once it has asked.
      if (slept !== 0 && still === 0 && handOff?.overtake()) continue;
      const asks = handOff?.isAsked === true;
      // Woken, but another thread was faster. Another sleep would be likely to end late again, and
      // would cost each release a wake. A nap lets the others run, and needs no wake; unless other
      // waiters need one anyway.
      if (woken && naps < NAPS && word > 0 && !asks) {
        this.#region.nap(NAP * 2 ** naps++);
        continue;
      }
      naps = 0;
      if (slept === 0) block();
      if (!this.#mark(word, SLEEPERS)) continue;
      slept = SLEEPERS;
      const began = performance.now();
      const time = Math.min(duty.take(intervalAfter(began - start)), left);
      // One sleeper is enough on the life word, as the kernel wakes only one.
      const life = duty.isTaken ? threads.lifeOf(owner) : undefined;
      woken = asks
        ? this.#region.wait(this.#at + MUTEX.heir, this.#me, time, life)
        : this.#region.wait(this.#at, word | SLEEPERS, time, life);
      // Neither woken, nor stopped by another word. Clocks are rounded.
      still = !woken && performance.now() - began >= time - 0.1 ? word | SLEEPERS : 0;
    }
  }

  /** Tells the holder that tasks wait; false if the word is free, or has changed meanwhile. */
  tellOfTasks(): boolean {
    const word = this.#region.atomics.load32(this.#at);
    return word !== 0 && this.#mark(word, TASKS);
  }

  /** Sets a bit about waiters in the word; returns false if the word has changed meanwhile. */
  #mark(word: number, bit: number): boolean {
    if ((word & bit) !== 0) return true;
    if ((word & ~OWNER) === 0) this.#noteTime();
    return this.#region.atomics.compareExchange32(this.#at, word, word | bit) === word;
  }

  /** When the word gets a bit about waiters: the hold lasts from now on, at least. */
  #noteTime(): void {
    this.#region.atomics.exchange64(this.#at + MUTEX.since, this.#region.now());
  }

  /** Gives up after a sleep: passes on the wake, which another thread may need. */
  #handOn(): void {
    const { atomics } = this.#region;
    for (;;) {
      const word = atomics.load32(this.#at);
      if (word === 0) return this.#region.wake(this.#at, 1);
      if (word < 0 || atomics.compareExchange32(this.#at, word, word | SLEEPERS) === word) return;
    }
  }

  /** Takes the lock of a dead owner over. A death in here leaves another dead owner. */
  takeOver(): boolean {
    const { atomics } = this.#region;
    const { threads } = this.#attachment;
    const word = atomics.load32(this.#at);
    const owner = word & OWNER;
    if (owner === 0 || owner === this.#me) return false;
    if (!threads.isFoundGone(owner)) return false;
    // From here on, that owner hands the lock to no waiter.
    const heir = handedTo(this.#attachment, this.#at);
    if (heir !== 0 && (heir === this.#me || !threads.isFoundGone(heir))) return false;
    const mine = (word & ~OWNER) | this.#me;
    if (atomics.compareExchange32(this.#at, word, mine) !== word) return false;
    if (heir !== 0) {
      // Neither of the two was inside.
      atomics.store32(this.#at + MUTEX.heir, 0);
      this.#noteTime();
      return true;
    }
    const inconsistent = atomics.load32(this.#at + MUTEX.died) & INCONSISTENT;
    atomics.store32(this.#at + MUTEX.died, owner | inconsistent);
    this.#noteTime();
    return true;
  }

  /** Why a wait ran out of time. */
  timeoutMessage(): string {
    const time = leastHoldTime(this.#region, this.#at);
    return `Cannot acquire a mutex in time: it is held by ${describeOwner(this.owner())}` +
      (time === undefined ? "" : `, for at least ${(time / 1000).toFixed(1)} s`);
  }
}
