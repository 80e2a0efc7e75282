import { onAbort } from "../contract/abort.ts";
import { Deadline } from "../contract/deadline.ts";
import { isTimeoutError } from "../contract/errors.ts";
import { checkAcquireOptions, nameOf } from "../contract/options.ts";
import { refuseThenable } from "../contract/refuse_thenable.ts";
import { checkBody } from "../contract/with_lock.ts";
import { ConditionCells } from "./condition_cells.ts";
import { CONDITION, HEADER, MOST_WAITERS } from "./layout.ts";
import { attachmentOf, type Memory } from "./memory.ts";
import { type ConditionedMutex, conditionedOf, Mutex } from "./mutex.ts";
import type { MutexGuard } from "./mutex_guard.ts";
import { checkRecover, type MutexAcquireOptions } from "./mutex_options.ts";

const TASK = "wait for a condition";
const FOR = "wait for a predicate";

/** The offset of a mutex after the header of its memory, by which a condition knows it. */
export function offsetOfMutex(memory: Memory, mutex: Mutex): number {
  // A program may pass anything, whatever the type says.
  if (!(mutex instanceof Mutex)) {
    throw new TypeError(`Cannot make a condition: it needs a Mutex, not ${nameOf(mutex)}`);
  }
  const { region, at } = conditionedOf(mutex);
  if (attachmentOf(memory, "a condition").region.id !== region.id) {
    throw new TypeError("Cannot make a condition: its mutex is in another memory");
  }
  return at - region.base - HEADER.end;
}

/**
 * A condition in shared memory: threads and tasks that hold its mutex wait until another one
 * notifies them of a change of what the mutex protects. The oldest waiters are notified first.
 *
 * A notification is never lost: a waiter that gives up at that moment returns as if it had not, and that
 * of a waiter that dies goes to the oldest one left; see condition_cells.ts. A notifier never waits for
 * anything.
 *
 * `wait` releases the mutex of the guard, and returns or throws when the same guard holds it again: also
 * after a timeout or an abort. The guard has another token then, and its `recovered` says whether the
 * last owner died.
 *
 * @example
 * ```ts
 * import { Segment } from "@interlock/interlock";
 *
 * const segment = Segment.anonymous();
 * const [mutex, jobs] = [segment.mutex("jobs"), segment.rawValue("number of jobs")];
 * const changed = segment.condition("jobs changed", mutex);
 * setTimeout(() => { // or another thread, or another process
 *   using _guard = mutex.acquireSync();
 *   jobs.value++;
 *   changed.notify();
 * }, 10);
 * using guard = await mutex.acquire();
 * await changed.waitFor(guard, () => jobs.value > 0, { timeout: 1000 });
 * jobs.value--; // The guard holds the mutex.
 * ```
 */
export class Condition {
  /** Bytes to reserve for a condition. */
  static readonly BYTES: number = CONDITION.numbers + 4 * MOST_WAITERS;

  readonly #cells: ConditionCells;
  readonly #mutex: ConditionedMutex;
  /** How many threads and tasks wait by this object. */
  #waits = 0;

  /**
   * The condition at `offset`, for one mutex of the same memory; all zeros is one without waiters.
   * `Segment.condition` finds an offset by name.
   *
   * @throws {RangeError} If `offset` is outside of the memory or not a multiple of 8.
   * @throws {TypeError} If an argument is of a wrong type, the mutex is in another memory, or the
   * condition was used with another mutex before.
   */
  constructor(memory: Memory, offset: number, mutex: Mutex) {
    const own = offsetOfMutex(memory, mutex) + 1;
    const attachment = attachmentOf(memory, "a condition");
    const { region } = attachment;
    const at = region.resolve(offset, Condition.BYTES, 8);
    const known = region.atomics.compareExchange32(at + CONDITION.mutex, 0, own);
    if (known !== 0 && known !== own) {
      throw new TypeError(
        `Cannot make a condition with the mutex at ${own - 1}: it belongs to the one at ${
          known - 1
        }`,
      );
    }
    this.#mutex = conditionedOf(mutex);
    this.#cells = new ConditionCells(attachment, at, this.#mutex.wake);
    // Before a cell names a thread for the first time.
    if (!attachment.namedLocks.has(offset)) {
      region.atomics.store32(region.base + HEADER.directoryOnly, 0);
    }
    // Not collected while it waits, so its cells name no thread then.
    attachment.locks.add(this, at - region.base, 0);
  }

  /** Whether threads or tasks wait by this object, so that its memory must stay open. */
  get held(): boolean {
    return this.#waits > 0;
  }

  /**
   * How many threads and tasks wait at this moment, without those that were notified or died. Takes
   * 20 us for each other thread that waits.
   */
  get waiting(): number {
    return this.#cells.waiting;
  }

  /**
   * Notifies the oldest waiters. Never waits. The caller should hold the mutex, and need not.
   *
   * @param n How many. Default: 1.
   * @returns How many there were to notify, `n` at most.
   * @throws {TypeError} If `n` is not a whole number.
   * @throws {RangeError} If `n` is less than 1.
   */
  notify(n = 1): number {
    if (!Number.isInteger(n)) {
      throw new TypeError(`Cannot notify ${nameOf(n)} waiters of a condition: not a whole number`);
    }
    if (n < 1) throw new RangeError(`Cannot notify ${n} waiters of a condition: at least 1`);
    let notified = 0;
    while (notified < n && this.#cells.notifyOldest()) notified++;
    return notified;
  }

  /**
   * Notifies all waiters. Never waits. The caller should hold the mutex, and need not.
   *
   * @returns How many there were.
   */
  notifyAll(): number {
    return this.#cells.notifyAll();
  }

  /**
   * Releases the mutex and waits until another thread or task notifies this one, without blocking the
   * thread. When it returns or throws, the guard holds the mutex again, however long that takes; except
   * after an `OwnerDiedError`, or if the guard was released meanwhile. It may return without a
   * notification after another waiter died: look again at what the mutex protects, or use
   * {@linkcode waitFor}. A wait keeps the process alive.
   *
   * @throws {DOMException} Named `TimeoutError`, if the timeout ran out.
   * @throws {OwnerDiedError} If the mutex throws after the death of an owner; nothing is held.
   * @throws {TypeError} If an argument is of a wrong type.
   * @throws {RangeError} If 1,024 threads and tasks wait already.
   * @throws {Error} If the guard does not hold the mutex, or was released meanwhile.
   */
  async wait(guard: MutexGuard, options?: MutexAcquireOptions): Promise<void> {
    const checked = this.#check(guard, options);
    const ending = new AbortController();
    // First: a signal may refuse to be watched.
    const stop = onAbort(checked.signal, (reason) => ending.abort(reason));
    const released = new AbortController();
    let cell: number;
    try {
      cell = this.#begin(guard, true, () => {
        const error = new Error(`Cannot ${TASK} any longer: its guard was released meanwhile`);
        ending.abort(error);
        released.abort(error);
      });
    } catch (error) {
      stop();
      throw error;
    }
    try {
      await this.#cells.wait(cell, { timeout: checked.timeout, signal: ending.signal });
    } finally {
      this.#waits--;
      stop();
      await this.#mutex.resume(guard, { recover: checked.recover, signal: released.signal });
    }
    released.signal.throwIfAborted();
  }

  /**
   * The blocking version of {@linkcode wait}.
   *
   * @throws {DOMException} Named `TimeoutError`, if the timeout ran out.
   * @throws {OwnerDiedError} If the mutex throws after the death of an owner; nothing is held.
   * @throws {TypeError} If an argument is of a wrong type.
   * @throws {RangeError} If 1,024 threads and tasks wait already.
   * @throws {Error} If the guard does not hold the mutex.
   */
  waitSync(guard: MutexGuard, options?: MutexAcquireOptions): void {
    const checked = this.#check(guard, options);
    const cell = this.#begin(guard, false, () => {});
    try {
      this.#cells.waitSync(cell, options && checked);
    } finally {
      this.#waits--;
      this.#mutex.resumeSync(guard, { recover: checked.recover });
    }
  }

  /**
   * Waits until a predicate is true, which is called while the guard holds the mutex: at once, and after
   * each notification. Its result may be a promise.
   *
   * @returns The result of the predicate.
   * @throws {DOMException} Named `TimeoutError`, if the timeout ran out and the predicate is not true.
   * @throws What {@linkcode wait} and the predicate throw.
   */
  async waitFor<T>(
    guard: MutexGuard,
    predicate: () => T | Promise<T>,
    options?: MutexAcquireOptions,
  ): Promise<T> {
    const rest = this.#checkFor(guard, predicate, options);
    for (;;) {
      const result = await predicate();
      if (result) return result;
      try {
        await this.wait(guard, rest());
      } catch (error) {
        if (!isTimeoutError(error) || !guard.held) throw error;
        const last = await predicate();
        if (last) return last;
        throw error;
      }
    }
  }

  /**
   * The blocking version of {@linkcode waitFor}.
   *
   * @returns The result of the predicate.
   * @throws {DOMException} Named `TimeoutError`, if the timeout ran out and the predicate is not true.
   * @throws {TypeError} If the result is a promise: use {@linkcode waitFor}.
   * @throws What {@linkcode waitSync} and the predicate throw.
   */
  waitForSync<T>(guard: MutexGuard, predicate: () => T, options?: MutexAcquireOptions): T {
    const rest = this.#checkFor(guard, predicate, options);
    const ask = () => {
      const result = predicate();
      refuseThenable(result, FOR, "waitFor");
      return result;
    };
    for (;;) {
      const result = ask();
      if (result) return result;
      try {
        this.waitSync(guard, rest());
      } catch (error) {
        if (!isTimeoutError(error) || !guard.held) throw error;
        const last = ask();
        if (last) return last;
        throw error;
      }
    }
  }

  #check(guard: MutexGuard, options: MutexAcquireOptions | undefined): MutexAcquireOptions {
    const { timeout, signal } = checkAcquireOptions(options, TASK);
    if (options !== undefined) checkRecover(options);
    const recover = options?.recover;
    this.#mutex.check(guard);
    signal?.throwIfAborted();
    return { timeout, signal, recover };
  }

  /** Checks the arguments of a wait for a predicate; returns what makes the options of each wait. */
  #checkFor(
    guard: MutexGuard,
    predicate: unknown,
    options: MutexAcquireOptions | undefined,
  ): () => MutexAcquireOptions | undefined {
    checkBody(predicate, FOR);
    const checked = this.#check(guard, options);
    if (options === undefined) return () => undefined;
    const deadline = new Deadline(checked, () => "");
    return () => ({ ...checked, timeout: Math.max(0, deadline.left) });
  }

  /** Takes a cell and releases the mutex. */
  #begin(guard: MutexGuard, isTask: boolean, end: () => void): number {
    const cell = this.#cells.take(isTask);
    if (cell === undefined) {
      throw new RangeError(`Cannot ${TASK}: ${MOST_WAITERS} threads and tasks wait, the most`);
    }
    try {
      this.#mutex.suspend(guard, end);
    } catch (error) {
      this.#cells.leave(cell);
      throw error;
    }
    this.#waits++;
    return cell;
  }
}
