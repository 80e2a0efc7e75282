import { DeadlockError, LockLostError } from "../contract/errors.ts";
import type { Guard } from "../contract/guard.ts";
import { tellAfter } from "../contract/lock_events.ts";
import { type GuardedLock, type HoldState, LockGuard } from "../contract/lock_guard.ts";
import { type AcquireOptions, checkAcquireOptions } from "../contract/options.ts";
import { describeOwner, type Owner } from "../contract/owner.ts";
import { refuseThenable } from "../contract/refuse_thenable.ts";
import { checkBody } from "../contract/with_lock.ts";
import type { Attachment } from "./attachment.ts";
import { HEADER, SEMAPHORE } from "./layout.ts";
import { attachmentOf, type Memory } from "./memory.ts";
import { tellMutex, tellMutexWait } from "./mutex_events.ts";
import type { Region } from "./region.ts";
import {
  permitsOf,
  type SemaphoreAcquireOptions,
  type SemaphoreOptions,
  type SemaphoreTryAcquireOptions,
  wantedPermits,
} from "./semaphore_options.ts";
import { type Wait, WaitWord } from "./wait_word.ts";

const TASK = "acquire permits of a semaphore";
/** Looks at a permit that is held before sleeping, as a mutex does. */
const SPINS = 20;
/** How many holders an error names. */
const NAMED = 3;

/** Permits that were acquired. */
interface Grant {
  /** The words of the permits. */
  readonly cells: readonly number[];
  /** A holder that died and had one of them; 0 if there was none. */
  readonly died: number;
}

/**
 * A semaphore in shared memory: a number of permits, each of which belongs to the thread that has
 * acquired it. Limits how many threads, of all processes, do something at a time.
 *
 * A permit is a word that names its holder, written by the compare-and-swap that acquires it. So the
 * permits of a thread that dies come back, at whatever step it died: the next waiter takes them over.
 *
 * | permit     | meaning                    | leaves by                                     |
 * | ---------- | -------------------------- | --------------------------------------------- |
 * | `0`        | free                       | compare-and-swap to `me`                      |
 * | `owner`    | held                       | owner: to `0`, then signals the word          |
 * | any `owner`| of an owner that is dead   | another thread: compare-and-swap to `me`      |
 *
 * | turn       | meaning                              | leaves by                           |
 * | ---------- | ------------------------------------ | ----------------------------------- |
 * | `0`        | no thread takes several permits      | compare-and-swap to `me`            |
 * | `owner`    | it takes several now, without a wait | owner: to `0`, then signals the word|
 * | any `owner`| of an owner that is dead             | another thread: swaps it for `me`   |
 *
 * A request for several permits takes them only while it has the turn, so two such requests do not
 * take each other's; if too few are left, it puts them back. A waiter holds no permits. Waiters wait
 * at a word of their own; see wait_word.ts.
 *
 * The guard of a permit that was taken over says so by `recovered`; a request for several permits
 * that had to put them back keeps no note of that.
 *
 * A semaphore is not fair: a running thread may acquire a permit before one that has waited longer,
 * and requests for few permits may overtake one for many.
 *
 * @example
 * ```ts
 * import { Segment } from "@interlock/interlock";
 *
 * const downloads = Segment.anonymous(65536).semaphore("downloads", { permits: 3 });
 * {
 *   using guard = await downloads.acquire({ timeout: 5000 });
 *   console.log(guard.held, downloads.available); // true 2
 * }
 * downloads.waitSync(); // For hot loops: makes no guard.
 * try {
 *   console.log("with at most two others");
 * } finally {
 *   downloads.post();
 * }
 * ```
 */
export class Semaphore {
  /** How many permits there are. */
  readonly permits: number;

  readonly #region: Region;
  readonly #attachment: Attachment;
  readonly #at: number;
  readonly #me: number;
  readonly #word: WaitWord;
  /** The first permit's word, and the end of the last one's. */
  readonly #first: number;
  readonly #end: number;
  /** The permit to try first: each thread begins with another one, and then uses its last one. */
  #next: number;
  /** How often to look at it: more than once if there is no other. */
  readonly #spins: number;
  /** The holders of the permits, as this thread last saw them. */
  readonly #seen: number[] = [];
  /** The last permit that `waitSync` acquired, and those before it; 0 if there is none. */
  #last = 0;
  readonly #earlier: number[] = [];
  /** How many permits guards hold. */
  #guarded = 0;

  /**
   * The bytes to reserve for a semaphore, so that its neighbours do not slow it down.
   *
   * @throws {TypeError} If `permits` is not a whole number.
   * @throws {RangeError} If `permits` is not from 1 to 65,536.
   */
  static bytes(permits: number): number {
    return SEMAPHORE.permits + Math.ceil((permitsOf({ permits }) + 1) / 32) * 128;
  }

  /**
   * The semaphore at `offset`; with all zeros, all permits are free. All users must give the same
   * number of permits. `Segment.semaphore` finds an offset by name.
   *
   * @throws {RangeError} If the semaphore is outside of the memory, the offset is not a multiple of
   * 8, or the number of permits is not from 1 to 65,536.
   * @throws {TypeError} If an argument is of a wrong type.
   */
  constructor(memory: Memory, offset: number, options: SemaphoreOptions) {
    this.permits = permitsOf(options);
    const attachment = attachmentOf(memory, "a semaphore");
    const { region } = attachment;
    this.#at = region.resolve(offset, Semaphore.bytes(this.permits), 8);
    this.#region = region;
    this.#attachment = attachment;
    this.#me = attachment.identity;
    this.#word = new WaitWord(attachment, this.#at + SEMAPHORE.word);
    this.#first = this.#at + SEMAPHORE.permits;
    this.#end = this.#first + 4 * this.permits;
    this.#next = this.#first + 4 * (this.#me % this.permits);
    this.#spins = this.permits === 1 ? SPINS : 0;
    // Before a permit is held for the first time.
    if (!attachment.namedLocks.has(offset)) {
      region.atomics.store32(region.base + HEADER.directoryOnly, 0);
    }
    attachment.locks.add(this, this.#first - region.base, this.permits);
  }

  /** Whether this object holds permits. */
  get held(): boolean {
    return (this.#last !== 0 || this.#guarded > 0) && !this.#region.closed;
  }

  /**
   * How many permits are free at this moment, with those of holders that died; for information
   * only. Takes 20 us for each thread that holds some.
   */
  get available(): number {
    return this.permits - this.#holders().reduce((sum, { permits }) => sum + permits, 0);
  }

  /** The threads that hold permits, without those that died. */
  owners(): Owner[] {
    const { threads } = this.#attachment;
    return this.#holders().flatMap(({ identity }) => threads.describe(identity) ?? []);
  }

  /**
   * Acquires one permit without making a guard. Blocks the thread while none is free. Give it back
   * with {@linkcode post}, in a `finally`.
   *
   * @throws {DOMException} Named `TimeoutError`, if the timeout ran out.
   * @throws {DeadlockError} If this thread holds all permits, so that the wait would never end.
   */
  waitSync(options?: AcquireOptions): void {
    const cell = this.#next;
    if (
      options === undefined && this.#last === 0 &&
      this.#region.atomics.compareExchange32(cell, 0, this.#me) === 0
    ) this.#last = cell;
    else {
      const [acquired] = this.#acquireSync(1, options).cells;
      if (this.#last !== 0) this.#earlier.push(this.#last);
      this.#last = acquired;
    }
  }

  /**
   * Gives back a permit that {@linkcode waitSync} acquired.
   *
   * @throws {Error} If this object has given back all permits that {@linkcode waitSync} acquired.
   */
  post(): void {
    const cell = this.#last;
    if (cell === 0) throw this.#nothingToPost();
    this.#last = this.#earlier.length === 0 ? 0 : this.#earlier.pop()!;
    const waiting = this.#region.atomics.release32(cell, this.#me, this.#at);
    if (waiting < 0) throw this.#lost();
    this.#next = cell;
    if (waiting !== 0) this.#signal();
  }

  /**
   * Runs `body` with one permit and gives it back, also if `body` throws. Blocks the thread, and
   * makes no guard.
   *
   * @returns The result of `body`.
   * @throws {TypeError} If the result is a promise or another thenable: the permit would be given
   * back before it settles. Use `withLock`.
   * @throws {DOMException} Named `TimeoutError`, if the timeout ran out.
   * @throws {DeadlockError} If this thread holds all permits, so that the wait would never end.
   */
  runSync<T>(body: () => T, options?: AcquireOptions): T {
    checkBody(body, "run with a permit of a semaphore");
    this.waitSync(options);
    let result: T;
    try {
      result = body();
    } finally {
      this.post();
    }
    refuseThenable(result, "run with a permit of a semaphore", "withLock");
    return result;
  }

  /**
   * Acquires permits if enough of them are free, or their holders died; else returns `undefined`.
   * Never waits.
   *
   * @throws {TypeError} If an option is of a wrong type.
   * @throws {RangeError} If `permits` is not from 1 to all there are.
   */
  tryAcquire(options?: SemaphoreTryAcquireOptions): Guard<number> | undefined {
    const grant = this.#take(wantedPermits(options, this.permits), true);
    return grant && this.#makeGuard(grant);
  }

  /**
   * Waits for permits. Blocks the thread.
   *
   * @throws {DOMException} Named `TimeoutError`, if the timeout ran out.
   * @throws {DeadlockError} If this thread holds so many permits that the wait would never end.
   * @throws {TypeError} If an option is of a wrong type.
   * @throws {RangeError} If `permits` is not from 1 to all there are.
   */
  acquireSync(options?: SemaphoreAcquireOptions): Guard<number> {
    const wanted = wantedPermits(options, this.permits);
    return this.#makeGuard(this.#acquireSync(wanted, options));
  }

  /**
   * Waits for permits without blocking the thread. A wait keeps the process alive. The tasks of one
   * thread acquire permits in the order in which they asked; other threads compete with them.
   *
   * @throws {DOMException} Named `TimeoutError`, if the timeout ran out.
   * @throws {TypeError} If an option is of a wrong type.
   * @throws {RangeError} If `permits` is not from 1 to all there are.
   */
  acquire(options?: SemaphoreAcquireOptions): Promise<Guard<number>> {
    // Not an async function, which would make a second promise for a free permit.
    try {
      const wanted = wantedPermits(options, this.permits);
      if (options !== undefined) checkAcquireOptions(options, TASK).signal?.throwIfAborted();
      if (this.#word.isIdle) {
        const grant = this.#take(wanted, false);
        if (grant !== undefined) return Promise.resolve(this.#makeGuard(grant));
      }
      const wait = this.#waitFor(wanted, (patient) => {
        const grant = this.#take(wanted, patient);
        return grant && this.#makeGuard(grant);
      });
      const told = tellMutexWait(this.#region, this.#at);
      return tellAfter(this.#word.wait(wait, options), told);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #acquireSync(wanted: number, options: AcquireOptions | undefined): Grant {
    if (options !== undefined) checkAcquireOptions(options, TASK).signal?.throwIfAborted();
    const cell = this.#next;
    if (wanted === 1 && this.#region.atomics.tryLock(cell, this.#me, this.#spins) !== 0) {
      return { cells: [cell], died: 0 };
    }
    // Without a mark for waiters, if there are other permits to look at.
    const grant = this.permits === 1 ? undefined : this.#take(wanted, false);
    if (grant !== undefined) return grant;
    const wait = this.#waitFor(wanted, (patient) => {
      const grant = this.#take(wanted, patient);
      if (grant === undefined) this.#checkDeadlock(wanted);
      return grant;
    });
    const told = tellMutexWait(this.#region, this.#at);
    const acquired = this.#word.waitSync(wait, options);
    told?.();
    return acquired;
  }

  #waitFor<T>(wanted: number, run: (patient: boolean) => T | undefined): Wait<T> {
    return {
      kind: "lock",
      run,
      timeoutMessage: () => this.#timeoutMessage(),
      // A wake that is meant for one waiter could reach one that wants more than that.
      ...wanted === 1 && { isLeft: () => this.#countFree(() => false) > 0 },
    };
  }

  /**
   * Takes permits that are free, or whose holders died.
   *
   * @param patient Whether to check the holders now; else only those not checked for long.
   */
  #take(wanted: number, patient: boolean): Grant | undefined {
    const isGone = this.#goneBy(patient);
    if (wanted === 1) {
      const taken = this.#takeOne(isGone);
      if (taken !== undefined) this.#tellDeath(taken.died);
      return taken && { cells: [taken.cell], died: taken.died };
    }
    // Most waiters are told here that too few are free, and disturb no other.
    if (this.#countFree(isGone) < wanted) return undefined;
    const turn = this.#at + SEMAPHORE.turn;
    if (!this.#claim(turn, isGone)) return undefined;
    const cells: number[] = [];
    let died = 0;
    try {
      while (cells.length < wanted) {
        const taken = this.#takeOne(isGone);
        if (taken === undefined) break;
        cells.push(taken.cell);
        died ||= taken.died;
      }
      if (cells.length === wanted) {
        this.#tellDeath(died);
        return { cells, died };
      }
      for (const cell of cells) this.#region.atomics.store32(cell, 0);
      this.#seen.fill(0); // They may be this thread's own.
      return undefined;
    } finally {
      this.#region.atomics.store32(turn, 0);
      this.#word.signal();
    }
  }

  #tellDeath(died: number): void {
    if (died === 0) return;
    const previousOwner = this.#attachment.threads.describe(died);
    tellMutex("recovered", this.#region, this.#at, () => ({ previousOwner }));
  }

  /** Wakes waiters of permits that were given back. */
  #signal(): void {
    this.#word.signal();
    tellMutex("release", this.#region, this.#at);
  }

  #takeOne(isGone: (owner: number) => boolean): { cell: number; died: number } | undefined {
    const { atomics } = this.#region;
    let gone = 0;
    let cell = this.#next;
    for (let i = 0; i < this.permits; i++) {
      let owner = atomics.load32(cell);
      if (owner === 0) owner = atomics.compareExchange32(cell, 0, this.#me);
      const next = cell + 4 === this.#end ? this.#first : cell + 4;
      if (owner === 0) {
        this.#next = next;
        return { cell, died: 0 };
      }
      if (gone === 0 && isGone(owner)) gone = cell;
      this.#seen[i] = owner;
      cell = next;
    }
    if (gone === 0) return undefined;
    const owner = atomics.load32(gone);
    const isFree = owner === 0 || isGone(owner);
    if (!isFree || atomics.compareExchange32(gone, owner, this.#me) !== owner) return undefined;
    return { cell: gone, died: owner };
  }

  /** Writes this thread into a word that is free, or whose owner died. */
  #claim(at: number, isGone: (owner: number) => boolean): boolean {
    const { atomics } = this.#region;
    const owner = atomics.compareExchange32(at, 0, this.#me);
    if (owner === 0) return true;
    return isGone(owner) && atomics.compareExchange32(at, owner, this.#me) === owner;
  }

  /** Whether owners died, asked once for each. */
  #goneBy(patient: boolean): (owner: number) => boolean {
    const { threads } = this.#attachment;
    const known = new Map<number, boolean>([[this.#me, false]]);
    return (owner) => {
      let isGone = known.get(owner);
      if (isGone === undefined) {
        isGone = (patient || threads.isDue(owner)) && threads.isFoundGone(owner);
        known.set(owner, isGone);
      }
      return isGone;
    };
  }

  #countFree(isGone: (owner: number) => boolean): number {
    const { atomics } = this.#region;
    let free = 0;
    for (let i = 0; i < this.permits; i++) {
      const owner = this.#seen[i] = atomics.load32(this.#first + 4 * i);
      if (owner === 0 || isGone(owner)) free++;
    }
    return free;
  }

  /** The threads that hold permits and have not died. */
  #holders(): { identity: number; permits: number }[] {
    const { atomics } = this.#region;
    const counts = new Map<number, number>();
    for (let cell = this.#first; cell < this.#end; cell += 4) {
      const owner = atomics.load32(cell);
      if (owner !== 0) counts.set(owner, (counts.get(owner) ?? 0) + 1);
    }
    const { threads } = this.#attachment;
    return [...counts].filter(([identity]) => identity === this.#me || !threads.isGone(identity))
      .map(([identity, permits]) => ({ identity, permits }));
  }

  /** Throws if this thread, which is about to block, has too many of the permits itself. */
  #checkDeadlock(wanted: number): void {
    const { threads, thread } = this.#attachment;
    const mine = new Map<number, boolean>([[0, false], [this.#me, true]]);
    const isMine = (owner: number) => {
      if (!mine.has(owner)) mine.set(owner, threads.isMine(owner, thread));
      return mine.get(owner);
    };
    const others = this.#seen.filter((owner) => !isMine(owner)).length;
    if (others >= wanted) return;
    throw new DeadlockError(
      `Cannot wait for ${wanted} of the ${this.permits} permits of a semaphore: this thread holds ` +
        `${this.permits - others} of them, so the wait would never end`,
    );
  }

  #makeGuard({ cells, died }: Grant): Guard<number> {
    const token = this.#region.atomics.fetchAdd64(this.#at + SEMAPHORE.token, 1) + 1;
    const hold: GuardedLock = {
      release: () => this.#release(cells),
      stateOf: () => this.#stateOf(cells),
    };
    this.#guarded += cells.length;
    const previous = died === 0 ? undefined : this.#attachment.threads.describe(died);
    return new LockGuard(hold, token, died !== 0, previous);
  }

  #stateOf(cells: readonly number[]): HoldState {
    const { atomics, closed } = this.#region;
    if (closed) return "ended";
    return cells.every((cell) => atomics.load32(cell) === this.#me) ? "held" : "lost";
  }

  #release(cells: readonly number[]): void {
    const { atomics } = this.#region;
    let missing = 0;
    for (const cell of cells) {
      if (atomics.compareExchange32(cell, this.#me, 0) !== this.#me) missing++;
    }
    this.#guarded -= cells.length;
    this.#next = cells[0];
    if (this.#word.hasWaiters) this.#signal();
    if (missing > 0) throw this.#lost();
  }

  #timeoutMessage(): string {
    const owners = this.owners();
    const named = owners.slice(0, NAMED).map(describeOwner).join("; by ");
    const more = owners.length > NAMED ? `; and by ${owners.length - NAMED} other threads` : "";
    return `Cannot acquire permits of a semaphore in time: its ${this.permits} permits are held by ` +
      (named || "no thread now") + more;
  }

  #nothingToPost(): Error {
    return new Error(
      "Cannot give back a permit of a semaphore: this object has none that waitSync() acquired" +
        (this.#guarded > 0 ? `; guards hold ${this.#guarded}, and release them` : ""),
    );
  }

  #lost(): LockLostError {
    const error = new LockLostError(
      "Cannot give back a permit of a semaphore: it no longer belongs to this thread",
    );
    tellMutex("lost", this.#region, this.#at, () => ({ error }));
    return error;
  }
}
