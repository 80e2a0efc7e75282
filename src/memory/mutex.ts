import { DeadlockError, LockLostError, OwnerDiedError, timeoutError } from "../contract/errors.ts";
import { Guard, HOLD, type HoldState, RELEASE } from "../contract/guard.ts";
import type { BareLock } from "../contract/lock.ts";
import { type AcquireOptions, deadlineOf } from "../contract/options.ts";
import { describeOwner, type Owner } from "../contract/owner.ts";
import { HEADER } from "./layout.ts";
import type { Memory } from "./memory.ts";
import { OWNER } from "./slots.ts";

const SLEEPERS = 0x80000000 | 0;
const TASKS = 0x40000000;
/** The same as {@linkcode Atomic.unlock} returns them. */
const [TASKS_WAITED, SLEEPERS_WAITED] = [1, 2];

/** Looks at a held word before sleeping: a short critical section, and no more on few cores. */
const SPINS = 20;
/** How long, in milliseconds, and how often a waiter naps that was woken and came late. */
const NAP = 0.05;
const NAPS = 5;
/** How long a waiter sleeps before it looks whether the owner lives; longer after a while. */
const SLICE = 4;
const LONG_SLICE = 25;
const LONG = 1000;

/** What lies at a mutex; see the tables in its class. */
const AT = { word: 0, died: 4, token: 8 } as const;

/** By what an object holds the lock. Small integers, which are stored the fastest. */
const [NOTHING, LOCK, GUARD] = [0, 1, 2];

/** What to do where the last owner died holding the lock. */
export interface MutexOptions {
  /**
   * - `recover`: take the lock, and say so by `guard.recovered`
   * - `throw`: throw an `OwnerDiedError` and leave the lock free; it throws so for everybody until
   *   somebody acquires it with `recover: true`
   *
   * @default {"recover"}
   */
  onOwnerDied?: "recover" | "throw";
}

/** How to acquire a mutex. */
export interface MutexAcquireOptions extends AcquireOptions {
  /** Takes the lock after the death of its owner, whatever the mutex does else. */
  recover?: boolean;
}

/**
 * A mutual exclusion lock in shared memory: one futex word, with its owner in it, put there by the
 * compare-and-swap that takes it. An owner that dies does not wedge it: the next one finds out and
 * takes it over.
 *
 * | word            | meaning                           | leaves by                                |
 * | --------------- | --------------------------------- | ---------------------------------------- |
 * | `0`             | free                              | compare-and-swap to `me`                 |
 * | `owner`         | held, nobody waits                | owner: to `0`; a waiter: sets a bit      |
 * | `owner`, bit 31 | held, some threads may sleep      | owner: to `0`, then wakes one            |
 * | `owner`, bit 30 | held, some tasks may wait         | owner: to `0`, then counts the event up  |
 * | any `owner`     | who is gone for certain           | a waiter: swaps it for `me`, keeps bits  |
 *
 * The owner is a slot of the memory and its generation; see slots.ts for when it is gone. Dying
 * between any two of these steps leaves one of the states of the table. A thread that slept takes
 * the word with bit 31 set, since others may still sleep, and one that gives up hands the wake on:
 * at worst one wake too many, never one too few. The second word names a dead owner whose death
 * was thrown and not yet acknowledged.
 *
 * After the futex mutexes of U. Drepper, "Futexes Are Tricky" (2011), and robust mutexes, see
 * pthread_mutexattr_setrobust(3).
 *
 * @example
 * ```ts
 * import { Segment } from "@interlock/interlock";
 *
 * const mutex = Segment.anonymous(65536).mutex("jobs");
 * {
 *   using guard = mutex.acquireSync({ timeout: 1000 });
 *   if (guard.recovered) console.log("the last owner died in here");
 * }
 * mutex.lock(); // In hot loops: no object is made. On V8 a guard by `using` costs 140 ns more.
 * try {
 *   // ...
 * } finally {
 *   mutex.unlock();
 * }
 * ```
 */
export class Mutex implements BareLock {
  /** Bytes to set aside for one, so that neighbours do not slow it down. */
  static readonly BYTES = 128;

  readonly #memory: Memory;
  readonly #at: number;
  readonly #me: number;
  readonly #throws: boolean;
  #hold = NOTHING;
  #guard: Guard | undefined;
  /** Of the hold: whether it was taken over from an owner that died, and from whom. */
  #recovered = false;
  #previous: Owner | undefined;

  /**
   * The mutex at `offset`; all zeros is a free one. `Segment.mutex` finds a place by itself.
   *
   * @throws {RangeError} If `offset` is outside of the memory or not a multiple of 8.
   * @throws {TypeError} If `options.onOwnerDied` is neither `recover` nor `throw`.
   */
  constructor(memory: Memory, offset: number, options?: MutexOptions) {
    const { onOwnerDied = "recover" } = options ?? {};
    if (onOwnerDied !== "recover" && onOwnerDied !== "throw") {
      throw new TypeError(
        `Cannot make a mutex: onOwnerDied is "recover" or "throw", not ${String(onOwnerDied)}`,
      );
    }
    this.#at = memory.place(offset, 16, 8);
    this.#memory = memory;
    this.#me = memory.identity;
    // Before it is held for the first time.
    if (!memory.named.has(offset)) memory.atomic.store32(memory.base + HEADER.directoryOnly, 0);
    this.#throws = onOwnerDied === "throw";
    memory.holders.add(this);
  }

  /** Whether this object holds it; false as soon as another owner does. */
  get held(): boolean {
    const memory = this.#memory;
    return this.#hold !== NOTHING && !memory.closed &&
      (memory.atomic.load32(this.#at) & OWNER) === this.#me;
  }

  /** Who holds it, as far as the system can tell; `undefined` if it is free. */
  owner(): Owner | undefined {
    const owner = this.#memory.atomic.load32(this.#at) & OWNER;
    return owner === 0 ? undefined : this.#memory.slots.describe(owner);
  }

  /** Whether this object holds it after an owner that died holding it. */
  get recovered(): boolean {
    return this.held && this.#recovered;
  }

  /**
   * Waits for the lock. Blocks the thread.
   *
   * @throws {DeadlockError} If this thread holds it already.
   * @throws {OwnerDiedError} If its owner died, and the mutex was told to throw.
   */
  lock(): void {
    const taken = this.#memory.atomic.tryLock(this.#at, this.#me, SPINS);
    if (taken !== 1) this.#lockSlowly(taken, undefined);
    this.#hold = LOCK;
  }

  /**
   * Gives back what {@linkcode lock} took.
   *
   * @throws {Error} If it took nothing, or a guard has it.
   */
  unlock(): void {
    if (this.#hold !== LOCK) throw this.#notHeld();
    this.#release();
  }

  /** Releases the hold of a guard. */
  [RELEASE](guard: Guard): void {
    if (this.#guard !== guard || this.#hold !== GUARD) throw this.#notHeld();
    this.#release();
    this.#guard = undefined;
  }

  /** The state of the hold of a guard: another owner may have taken the mutex. */
  [HOLD](guard: Guard): HoldState {
    if (this.#memory.closed) return "ended";
    return this.#guard === guard && this.#hold === GUARD && this.held ? "held" : "lost";
  }

  /**
   * Takes the lock if it is free, or its owner is gone. Never waits.
   *
   * @throws {OwnerDiedError} If its owner died, and the mutex was told to throw.
   */
  tryAcquire(options?: Pick<MutexAcquireOptions, "recover">): Guard<number> | undefined {
    const taken = this.#memory.atomic.tryLock(this.#at, this.#me, 0);
    if (taken === 0 && !this.#takeOver()) return undefined;
    if (taken !== 1) this.#settle(options);
    return this.#makeGuard();
  }

  /**
   * Waits for the lock and returns its guard. Blocks the thread.
   *
   * @throws {DOMException} Named `TimeoutError`, if the timeout ran out.
   * @throws {DeadlockError} If this thread holds the lock already.
   * @throws {OwnerDiedError} If its owner died, and the mutex was told to throw.
   */
  acquireSync(options?: MutexAcquireOptions): Guard<number> {
    if (options !== undefined) {
      deadlineOf(options);
      options.signal?.throwIfAborted();
    }
    const taken = this.#memory.atomic.tryLock(this.#at, this.#me, SPINS);
    if (taken !== 1) this.#lockSlowly(taken, options);
    return this.#makeGuard();
  }

  /**
   * Waits for the lock without blocking the thread, and keeps the process alive meanwhile. The
   * tasks of one thread wait in the order in which they came, other threads beside them.
   *
   * @throws {DOMException} Named `TimeoutError`, if the timeout ran out.
   * @throws {OwnerDiedError} If its owner died, and the mutex was told to throw.
   */
  async acquire(options?: MutexAcquireOptions): Promise<Guard<number>> {
    return await this.#memory.waits.wait(this.#at, {
      attempt: (patient) => this.#attempt(patient, options),
      describe: () => this.#late(),
    }, options);
  }

  /** The guard of the lock, which this object has just taken. */
  #makeGuard(): Guard<number> {
    const token = this.#memory.atomic.next64(this.#at + AT.token);
    const guard = new Guard(this, token, this.#recovered, this.#previous);
    this.#hold = GUARD;
    this.#guard = guard;
    return guard;
  }

  #release(): void {
    const memory = this.#memory;
    const waited = memory.atomic.unlock(this.#at, this.#me);
    this.#hold = NOTHING;
    if (this.#recovered) {
      this.#recovered = false;
      this.#previous = undefined;
    }
    if (waited < 0) throw new LockLostError(this.#whyNotHeld());
    if (waited !== 0) this.#wake(waited);
  }

  /** Wakes those of whom the two high bits of the word told. */
  #wake(waited: number): void {
    if ((waited & SLEEPERS_WAITED) !== 0) this.#memory.wake(this.#at, 1);
    if ((waited & TASKS_WAITED) !== 0) this.#memory.waits.notify(this.#at);
  }

  #lockSlowly(taken: number, options: MutexAcquireOptions | undefined): void {
    if (taken === 0) this.#sleep(options);
    this.#settle(options);
  }

  #sleep(options: AcquireOptions | undefined): void {
    const { atomic, slots, thread } = this.#memory;
    const deadline = deadlineOf(options);
    const start = performance.now();
    let slept = 0;
    let woken = false;
    let naps = 0;
    let seen = 0;
    for (;;) {
      const word = atomic.load32(this.#at);
      if (word === 0) {
        if (atomic.compareExchange32(this.#at, 0, this.#me | slept) === 0) return;
        continue;
      }
      const owner = word & OWNER;
      if (owner !== seen && (owner === this.#me || slots.isMine(owner, thread))) {
        if (slept !== 0) this.#handOn();
        throw new DeadlockError(
          "Cannot wait for a mutex: this thread holds it, so it would wait for ever",
        );
      }
      const now = performance.now();
      const isLate = now >= deadline;
      if ((isLate || owner === seen) && this.#takeOver()) return;
      try {
        options?.signal?.throwIfAborted();
        if (isLate) throw timeoutError(this.#late());
      } catch (error) {
        if (slept !== 0) this.#handOn();
        throw error;
      }
      seen = owner;
      // Woken, and somebody was faster: who tries at once is likely to be late again, and costs
      // each release a wake. A nap lets the others run, and asks nobody for a wake.
      if (woken && naps < NAPS) {
        this.#memory.nap(NAP * 2 ** naps++);
        continue;
      }
      naps = 0;
      const marked = word | SLEEPERS;
      if (word !== marked && atomic.compareExchange32(this.#at, word, marked) !== word) continue;
      slept = SLEEPERS;
      const slice = now - start > LONG ? LONG_SLICE : SLICE;
      woken = this.#memory.wait(this.#at, marked, Math.min(slice, deadline - now));
    }
  }

  /** Gives up after having slept: the wake that came for this thread may be meant for another. */
  #handOn(): void {
    const { atomic } = this.#memory;
    for (;;) {
      const word = atomic.load32(this.#at);
      if (word === 0) return this.#memory.wake(this.#at, 1);
      if (word < 0 || atomic.compareExchange32(this.#at, word, word | SLEEPERS) === word) return;
    }
  }

  /** Takes the lock of an owner that is gone; dying in here leaves another such owner. */
  #takeOver(): boolean {
    const { atomic, slots } = this.#memory;
    const word = atomic.load32(this.#at);
    const owner = word & OWNER;
    if (owner === 0 || owner === this.#me) return false;
    if (!slots.isFoundGone(owner)) return false;
    const mine = (word & ~OWNER) | this.#me;
    if (atomic.compareExchange32(this.#at, word, mine) !== word) return false;
    atomic.store32(this.#at + AT.died, owner);
    return true;
  }

  /** After the lock was taken: looks whether an owner died, and does what was asked for then. */
  #settle(options: MutexAcquireOptions | undefined): void {
    const { atomic, slots } = this.#memory;
    const died = atomic.load32(this.#at + AT.died);
    if (died === 0) return;
    const previous = slots.describe(died);
    if (!this.#throws || options?.recover === true) {
      this.#recovered = true;
      this.#previous = previous;
      atomic.store32(this.#at + AT.died, 0);
      return;
    }
    this.#wake(atomic.unlock(this.#at, this.#me));
    throw new OwnerDiedError(
      `Cannot acquire a mutex: its owner died holding it (${describeOwner(previous)}), and what ` +
        "it protects may be half-written. Look at that, then acquire with recover: true",
      previous,
    );
  }

  /** Takes it, or sees to it that whoever gives it back says so to the tasks. */
  #attempt(
    patient: boolean,
    options: MutexAcquireOptions | undefined,
  ): Guard<number> | undefined {
    const { atomic } = this.#memory;
    for (;;) {
      const taken = atomic.tryLock(this.#at, this.#me, 0);
      if (taken !== 0 || (patient && this.#takeOver())) {
        if (taken !== 1) this.#settle(options);
        return this.#makeGuard();
      }
      const word = atomic.load32(this.#at);
      if ((word & TASKS) !== 0) return undefined;
      if (word === 0 || atomic.compareExchange32(this.#at, word, word | TASKS) !== word) continue;
      return undefined;
    }
  }

  #late(): string {
    return `Cannot acquire a mutex in time: ${describeOwner(this.owner())} holds it`;
  }

  #notHeld(): Error {
    return new Error(this.#whyNotHeld());
  }

  #whyNotHeld(): string {
    const owner = this.#memory.atomic.load32(this.#at) & OWNER;
    const who = owner === this.#me
      ? this.#hold === LOCK ? "it is held by lock()" : "another guard holds it"
      : owner === 0
      ? "it is free"
      : `${describeOwner(this.owner())} holds it`;
    return `Cannot release a mutex that this does not hold: ${who}`;
  }
}
