import { LockLostError, OwnerDiedError } from "../contract/errors.ts";
import type { RawLock } from "../contract/lock.ts";
import { tellAfter } from "../contract/lock_events.ts";
import { type GuardedLock, type HoldState, LockGuard, renew } from "../contract/lock_guard.ts";
import { checkAcquireOptions, isTimed, nameOf } from "../contract/options.ts";
import { describeOwner, type Owner } from "../contract/owner.ts";
import type { PlatformAbortSignal } from "../contract/platform.ts";
import { refuseThenable } from "../contract/refuse_thenable.ts";
import { checkOptions } from "./arguments.ts";
import type { Attachment } from "./attachment.ts";
import { HEADER, MUTEX } from "./layout.ts";
import { OWNER } from "./lock_words.ts";
import { attachmentOf, type Memory } from "./memory.ts";
import { tellMutex, tellMutexWait } from "./mutex_events.ts";
import type { MutexGuard } from "./mutex_guard.ts";
import {
  checkMutexOptions,
  checkRecover,
  type MutexAcquireOptions,
  type MutexOptions,
  type MutexTryAcquireOptions,
} from "./mutex_options.ts";
import { INCONSISTENT, MutexWord } from "./mutex_word.ts";
import type { Region } from "./region.ts";

/** Looks at a held word before sleeping: a short critical section, and no more on few cores. */
const SPINS = 20;
/** More of them after a notification, since a notifier is about to release the word. */
const RESUME_SPINS = 1000;

/** How an object holds the lock. Small integers, which are stored the fastest. */
const [NOTHING, BARE, GUARD, NESTED] = [0, 1, 2, 3];
/** What an error says of a lock that this thread holds, by how this object holds it. */
const HELD_HERE = [
  "this thread holds it by another object",
  "it is held by lock()",
  "it is held by another guard",
  "it is held several times, and not by this",
];

/** Makes `mutex` hold its word, which this thread has acquired by other means, as by `lock`. */
export let adopt: (mutex: Mutex) => void;

/** What the conditions of a mutex do with it. */
export interface ConditionedMutex {
  /** Where the mutex is. */
  readonly region: Region;
  readonly at: number;
  /**
   * Checks that a guard holds the mutex.
   *
   * @throws {TypeError} If it is not a guard.
   * @throws {Error} If it does not hold this mutex, or another object of it.
   */
  check(guard: unknown): void;
  /** Wakes a thread that sleeps at a word, and needs the mutex: after the release, if it is held here. */
  wake(at: number): void;
  /** Releases the mutex; the guard waits. `end` is called if it is released meanwhile. */
  suspend(guard: MutexGuard, end: () => void): void;
  /** Acquires the mutex for the guard again, without a time limit. Blocks the thread. */
  resumeSync(guard: MutexGuard, options: MutexTryAcquireOptions): void;
  /** The same without blocking the thread; does nothing if the guard was released meanwhile. */
  resume(
    guard: MutexGuard,
    options: MutexTryAcquireOptions & { signal: PlatformAbortSignal },
  ): Promise<void>;
}

/** The side of a mutex that only its conditions see. */
export let conditionedOf: (mutex: Mutex) => ConditionedMutex;

/**
 * A mutual exclusion lock in shared memory: one futex word that names its owner, written by the
 * compare-and-swap that acquires the lock; see mutex_word.ts. If the owner dies, the next waiter takes
 * the lock over.
 *
 * | second word        | meaning                                  | an acquire                         |
 * | ------------------ | ---------------------------------------- | ---------------------------------- |
 * | `0`                | consistent                               | succeeds                           |
 * | `identity`         | this owner died; not yet acknowledged    | recovers, or throws                |
 * | bit 31, `identity` | a holder marked the data as inconsistent | throws, unless asked to recover    |
 *
 * After robust mutexes; see pthread_mutexattr_setrobust(3).
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
 * mutex.runSync(() => {
 *   // For hot loops: makes no guard. On V8, `using` costs 140 ns more.
 * });
 * ```
 */
export class Mutex implements RawLock {
  /** Bytes to reserve for a mutex, so that its neighbours do not slow it down. */
  static readonly BYTES = 128;

  readonly #region: Region;
  readonly #attachment: Attachment;
  readonly #at: number;
  readonly #me: number;
  /** What is done with the word beside the fast path. */
  readonly #word: MutexWord;
  readonly #throws: boolean;
  readonly #isReentrant: boolean;
  #hold = NOTHING;
  #guard: unknown;
  /** If the lock is held several times: the guard of each hold, `undefined` for a bare one. */
  readonly #nested: unknown[] = [];
  /** Of a reentrant mutex: the last guard that a task acquired. */
  #taskGuard: unknown;
  /** What guards see of this mutex; made with the first of them. */
  #guarded: GuardedLock | undefined;
  /** Of the hold: whether the owner before died holding the lock, and who that was. */
  #recovered = false;
  #previous: Owner | undefined;
  /** The words at which threads sleep that a condition has notified, and the release wakes. */
  #notified: number[] | undefined;
  /** The guards that wait for a condition, and what ends their waits. */
  #suspended: Map<unknown, () => void> | undefined;
  /** The guards that could not acquire the mutex again; their programs know. */
  #ended: WeakSet<MutexGuard> | undefined;

  static {
    adopt = (mutex) => void (mutex.#hold = BARE);
    conditionedOf = (mutex) => mutex.#makeConditioned();
  }

  /**
   * The mutex at `offset`; all zeros is a free one. `Segment.mutex` finds an offset by name.
   *
   * @throws {RangeError} If `offset` is outside of the memory or not a multiple of 8.
   * @throws {TypeError} If an argument is of a wrong type, or `options.onOwnerDied` is neither
   * `recover` nor `throw`.
   */
  constructor(memory: Memory, offset: number, options?: MutexOptions) {
    const { onOwnerDied, fair, reentrant } = checkMutexOptions(options);
    this.#throws = onOwnerDied === "throw";
    this.#isReentrant = reentrant;
    const attachment = attachmentOf(memory, "a mutex");
    const { region } = attachment;
    this.#at = region.resolve(offset, MUTEX.bytes, 8);
    this.#region = region;
    this.#attachment = attachment;
    this.#me = attachment.identity;
    this.#word = new MutexWord(attachment, this.#at, fair);
    // Before the mutex is held for the first time.
    if (!attachment.namedLocks.has(offset)) {
      region.atomics.store32(region.base + HEADER.directoryOnly, 0);
    }
    attachment.locks.add(this, this.#at - region.base);
  }

  /** Whether this object holds the lock; false as soon as another owner does. */
  get held(): boolean {
    const region = this.#region;
    return this.#hold !== NOTHING && !region.closed &&
      (region.atomics.load32(this.#at) & OWNER) === this.#me;
  }

  /** The holder, if it is known; `undefined` if the lock is free. */
  owner(): Owner | undefined {
    return this.#word.owner();
  }

  /** Whether this object holds the lock, and the owner before died holding it. */
  get recovered(): boolean {
    return this.held && this.#recovered;
  }

  /**
   * Waits for the lock without making a guard. Blocks the thread.
   *
   * @throws {DeadlockError} If this thread holds the lock already.
   * @throws {OwnerDiedError} If the owner died, and the mutex throws in this case; or if a holder
   * marked it as inconsistent.
   */
  lock(): void {
    const acquired = this.#region.atomics.tryLock(this.#at, this.#me, SPINS);
    if (acquired !== 1 && this.#lockSlowly(acquired, undefined)) this.#nest(undefined);
    else this.#hold = BARE;
  }

  /**
   * Releases what {@linkcode lock} acquired.
   *
   * @throws {Error} If {@linkcode lock} acquired nothing, or a guard holds the lock.
   */
  unlock(): void {
    if (this.#hold === BARE) this.#release();
    else if (!this.#unnest(undefined)) throw this.#notHeld();
  }

  /**
   * Runs `body` inside the lock and releases it, also if `body` throws. Blocks the thread, and
   * makes no guard.
   *
   * @returns The result of `body`.
   * @throws {TypeError} If the result is a promise or another thenable: the lock would be released
   * before it settles. Use `withLock`.
   * @throws {DOMException} Named `TimeoutError`, if the timeout ran out.
   * @throws {DeadlockError} If this thread holds the lock already.
   * @throws {OwnerDiedError} If the owner died, and the mutex throws in this case; or if a holder
   * marked it as inconsistent.
   */
  runSync<T>(body: () => T, options?: MutexAcquireOptions): T {
    if (typeof body !== "function") {
      throw new TypeError(
        `Cannot run inside a mutex: the body must be a function, not ${nameOf(body)}`,
      );
    }
    if (options !== undefined) this.#check(options);
    const acquired = this.#region.atomics.tryLock(this.#at, this.#me, SPINS);
    if (acquired !== 1 && this.#lockSlowly(acquired, options)) this.#nest(undefined);
    else this.#hold = BARE;
    let result: T;
    try {
      result = body();
    } finally {
      this.unlock();
    }
    refuseThenable(result, "run in a mutex", "withLock");
    return result;
  }

  /**
   * Acquires the lock if it is free, or its owner died; else returns `undefined`. Never waits.
   *
   * @throws {OwnerDiedError} If the owner died, and the mutex throws in this case; or if a holder
   * marked it as inconsistent.
   */
  tryAcquire(options?: MutexTryAcquireOptions): MutexGuard | undefined {
    if (options !== undefined) {
      checkOptions(options, "acquire a mutex");
      checkRecover(options);
    }
    const acquired = this.#region.atomics.tryLock(this.#at, this.#me, 0);
    if (acquired === 0 && this.#mayReenter()) return this.#makeGuard(true);
    if (acquired === 0 && !this.#word.takeOver()) return undefined;
    if (acquired !== 1) this.#settle(options);
    return this.#makeGuard();
  }

  /**
   * Waits for the lock. Blocks the thread.
   *
   * @throws {DOMException} Named `TimeoutError`, if the timeout ran out.
   * @throws {DeadlockError} If this thread holds the lock already.
   * @throws {OwnerDiedError} If the owner died, and the mutex throws in this case; or if a holder
   * marked it as inconsistent.
   */
  acquireSync(options?: MutexAcquireOptions): MutexGuard {
    if (options !== undefined) this.#check(options);
    const acquired = this.#region.atomics.tryLock(this.#at, this.#me, SPINS);
    if (acquired !== 1 && this.#lockSlowly(acquired, options)) return this.#makeGuard(true);
    return this.#makeGuard();
  }

  /**
   * Waits for the lock without blocking the thread. A wait keeps the process alive. The tasks of
   * one thread acquire the lock in the order in which they asked; other threads compete with them.
   *
   * @throws {DOMException} Named `TimeoutError`, if the timeout ran out.
   * @throws {OwnerDiedError} If the owner died, and the mutex throws in this case; or if a holder
   * marked it as inconsistent.
   */
  acquire(options?: MutexAcquireOptions): Promise<MutexGuard> {
    // Not an async function, which would make a second promise for a free lock.
    try {
      if (options !== undefined) this.#check(options);
      const waiters = this.#attachment.asyncWaiters;
      if (waiters.isIdleAt(this.#at)) {
        const guard = this.#attempt(false, options);
        if (guard !== undefined) return Promise.resolve(guard);
      }
      const told = tellMutexWait(this.#region, this.#at);
      const wait = waiters.wait(this.#at, {
        kind: "lock",
        run: (patient) => this.#attempt(patient, options),
        timeoutMessage: () => this.#word.timeoutMessage(),
        watch: this.#attachment.deadlocks?.watch(this.#at, false, isTimed(options)),
      }, options);
      return tellAfter(wait, told);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #check(options: MutexAcquireOptions): void {
    const { signal } = checkAcquireOptions(options, "acquire a mutex");
    checkRecover(options);
    signal?.throwIfAborted();
  }

  /**
   * Makes the guard of the lock, which this object has just acquired.
   *
   * @param isNested Whether it had it before. A hold that is nested in a guard has the same token.
   */
  #makeGuard(isNested = false): MutexGuard {
    const outer = isNested ? this.#outerGuard() : undefined;
    const token = outer?.token ?? this.#region.atomics.next64(this.#at + MUTEX.token);
    const lock = this.#guarded ??= this.#makeGuarded();
    const guard = new LockGuard(lock, token, this.#recovered, this.#previous);
    if (isNested) this.#nest(guard);
    else {
      this.#hold = GUARD;
      this.#guard = guard;
    }
    return guard;
  }

  /** Whether this thread holds the lock by this object, no task does, and it may enter again. */
  #mayReenter(): boolean {
    if (!this.#isReentrant || !this.held) return false;
    return this.#hold !== GUARD || this.#guard !== this.#taskGuard;
  }

  #outerGuard(): MutexGuard | undefined {
    const outer = this.#hold === GUARD
      ? this.#guard
      : this.#nested.find((one) => one !== undefined);
    return outer as MutexGuard | undefined;
  }

  /** Notes one more hold, by a guard or bare. */
  #nest(guard: unknown): void {
    if (this.#hold !== NESTED) this.#nested.push(this.#hold === GUARD ? this.#guard : undefined);
    this.#nested.push(guard);
    this.#hold = NESTED;
  }

  /** Ends one of several holds; false if it is none of them. */
  #unnest(guard: unknown): boolean {
    const at = this.#hold === NESTED ? this.#nested.lastIndexOf(guard) : -1;
    if (at < 0) return false;
    this.#nested.splice(at, 1);
    if (this.#nested.length > 1) return true;
    this.#guard = this.#nested.pop();
    this.#hold = this.#guard === undefined ? BARE : GUARD;
    return true;
  }

  /** Makes what guards see of this mutex. */
  #makeGuarded(): GuardedLock {
    return {
      release: (guard) => {
        if (this.#guard !== guard || this.#hold !== GUARD) {
          if (this.#unnest(guard)) return;
          const end = this.#suspended?.get(guard);
          if (end === undefined) throw this.#notHeld();
          this.#suspended!.delete(guard);
          return end();
        }
        this.#release();
        this.#guard = undefined;
      },
      stateOf: (guard) => this.#stateOf(guard),
      markInconsistent: (guard) => {
        if (this.#stateOf(guard) !== "held") throw this.#notHeld();
        this.#region.atomics.store32(this.#at + MUTEX.died, this.#me | INCONSISTENT);
      },
    };
  }

  /** The state of the hold of a guard: another owner may have acquired the mutex. */
  #stateOf(guard: unknown): HoldState {
    if (this.#region.closed) return "ended";
    const isMine = this.#hold === NESTED
      ? this.#nested.includes(guard)
      : this.#guard === guard && this.#hold === GUARD;
    if (isMine && this.held) return "held";
    if (this.#suspended?.has(guard)) return "waiting";
    return this.#ended?.has(guard as MutexGuard) ? "ended" : "lost";
  }

  /** Makes what the conditions of this mutex see of it. */
  #makeConditioned(): ConditionedMutex {
    return {
      region: this.#region,
      at: this.#at,
      check: (guard) => {
        if (!(guard instanceof LockGuard)) {
          throw new TypeError(
            `Cannot wait for a condition: it needs the guard of its mutex, not ${nameOf(guard)}`,
          );
        }
        if (this.#stateOf(guard) === "held") {
          if (this.#hold !== NESTED) return;
          throw new Error(
            "Cannot wait for a condition: this thread holds its mutex more than once, and the wait " +
              "would release one of these holds only",
          );
        }
        void this.#region.atomics.load32(this.#at); // Says so if the memory was closed.
        throw new Error(
          "Cannot wait for a condition: the guard does not hold its mutex. It was released, it " +
            "waits already, or it is the guard of another object",
        );
      },
      wake: (at) => {
        if (this.#hold === NOTHING) this.#region.wake(at, 1);
        else (this.#notified ??= []).push(at);
      },
      suspend: (guard, end) => {
        (this.#suspended ??= new Map()).set(guard, end);
        try {
          this.#release();
        } catch (error) {
          this.#suspended.delete(guard);
          throw error;
        }
        this.#guard = undefined;
      },
      resumeSync: (guard, options) => {
        try {
          const acquired = this.#region.atomics.tryLock(this.#at, this.#me, RESUME_SPINS);
          if (acquired !== 1) this.#lockSlowly(acquired, options);
          this.#renew(guard);
        } catch (error) {
          throw this.#endOf(guard, error);
        }
      },
      resume: async (guard, options) => {
        if (!this.#suspended!.has(guard)) return;
        try {
          const waiters = this.#attachment.asyncWaiters;
          const renewed = () => this.#renew(guard);
          if (waiters.isIdleAt(this.#at) && this.#attempt(false, options, renewed)) return;
          await waiters.wait(this.#at, {
            kind: "lock",
            run: (patient) => this.#attempt(patient, options, renewed),
            timeoutMessage: () => this.#word.timeoutMessage(),
          }, options);
        } catch (error) {
          throw this.#endOf(guard, error);
        }
      },
    };
  }

  /** Makes a guard that has waited the guard of the lock, which this object has just acquired. */
  #renew(guard: MutexGuard): MutexGuard {
    const token = this.#region.atomics.next64(this.#at + MUTEX.token);
    renew(guard, token, this.#recovered, this.#previous);
    this.#hold = GUARD;
    this.#guard = guard;
    this.#suspended!.delete(guard);
    return guard;
  }

  /** Ends a guard that could not acquire the mutex again because of `error`, which it returns. */
  #endOf(guard: MutexGuard, error: unknown): unknown {
    this.#suspended!.delete(guard);
    (this.#ended ??= new WeakSet()).add(guard);
    return error;
  }

  #release(): void {
    const waiting = this.#region.atomics.unlock(this.#at, this.#me);
    this.#hold = NOTHING;
    if (this.#recovered) {
      this.#recovered = false;
      this.#previous = undefined;
    }
    if (this.#notified !== undefined) this.#wakeNotified();
    if (waiting < 0) throw this.#lost();
    if (waiting !== 0) this.#word.wake(waiting);
    if (waiting !== 0) tellMutex("release", this.#region, this.#at);
  }

  #wakeNotified(): void {
    const notified = this.#notified!;
    this.#notified = undefined;
    for (const at of notified) this.#region.wake(at, 1);
  }

  /** Returns whether this thread holds the lock already, and enters again. */
  #lockSlowly(acquired: number, options: MutexAcquireOptions | undefined): boolean {
    if (acquired === 0 && this.#mayReenter()) return true;
    const told = acquired === 0 ? tellMutexWait(this.#region, this.#at) : undefined;
    if (acquired === 0) this.#word.sleep(options);
    this.#settle(options);
    told?.();
    return false;
  }

  /** After the lock was acquired: if an owner died, recovers the lock or throws. */
  #settle(options: MutexAcquireOptions | undefined): void {
    const { atomics } = this.#region;
    const { threads } = this.#attachment;
    const died = atomics.load32(this.#at + MUTEX.died);
    if (died === 0) return;
    const previous = threads.describe(died & OWNER);
    if (options?.recover === true || (died > 0 && !this.#throws)) {
      this.#recovered = true;
      this.#previous = previous;
      atomics.store32(this.#at + MUTEX.died, 0);
      tellMutex("recovered", this.#region, this.#at, () => ({ previousOwner: previous }));
      return;
    }
    this.#word.wake(atomics.unlock(this.#at, this.#me));
    const who = describeOwner(previous);
    throw new OwnerDiedError(
      "Cannot acquire a mutex: " +
        (died > 0
          ? `its owner died holding it (${who}), and what it protects may be half-written`
          : `what it protects was marked inconsistent (${who})`) +
        ". Check that, then acquire with recover: true",
      previous,
    );
  }

  /** Acquires the lock, or marks the word so that the next release notifies waiting tasks. */
  #attempt(
    patient: boolean,
    options: MutexAcquireOptions | undefined,
    make = () => this.#makeGuard(),
  ): MutexGuard | undefined {
    const { atomics } = this.#region;
    for (;;) {
      const acquired = atomics.tryLock(this.#at, this.#me, 0);
      if (acquired !== 0 || (patient && this.#word.takeOver())) {
        if (acquired !== 1) this.#settle(options);
        const guard = make();
        if (this.#isReentrant) this.#taskGuard = guard;
        return guard;
      }
      if (this.#word.tellOfTasks()) return undefined;
    }
  }

  /** The error of a release after another owner has recovered the lock. */
  #lost(): LockLostError {
    const error = new LockLostError(this.#whyNotHeld());
    tellMutex("lost", this.#region, this.#at, () => ({ error }));
    return error;
  }

  #notHeld(): Error {
    return new Error(this.#whyNotHeld());
  }

  #whyNotHeld(): string {
    const owner = this.#region.atomics.load32(this.#at) & OWNER;
    const state = owner === this.#me
      ? HELD_HERE[this.#hold]
      : owner === 0
      ? "it is free"
      : `it is held by ${describeOwner(this.owner())}`;
    return `Cannot release a mutex that is not held here: ${state}`;
  }
}
