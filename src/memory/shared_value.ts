import { nameOf } from "../contract/options.ts";
import { refuseThenable } from "../contract/refuse_thenable.ts";
import { checkFunction } from "./arguments.ts";
import { LOCKED } from "./atomic_operations.ts";
import type { Elements, ElementType } from "./element.ts";
import { attachmentOf, type Memory } from "./memory.ts";
import { adopt, Mutex } from "./mutex.ts";
import { RawValue } from "./raw_value.ts";
import type { Region } from "./region.ts";

/**
 * A value in shared memory with its own lock, like `multiprocessing.Value` of Python. Each read and
 * each write takes the lock. `value.value += 1` is a read and a write, so it loses updates; use
 * {@linkcode SharedValue.add} or {@linkcode SharedValue.update}.
 *
 * The lock is not reentrant: code that holds {@linkcode SharedValue.mutex} must use
 * {@linkcode SharedValue.raw}. A value that the type cannot represent is an error, never wrapped.
 *
 * @example
 * ```ts
 * import { Memory, SharedValue } from "@interlock/interlock";
 *
 * const value = new SharedValue(Memory.anonymous(512), 0, "Float64");
 * value.add(0.25);
 * value.update((n) => 2 * n);
 * value.mutex.runSync(() => {
 *   if (value.raw.value > 0) value.raw.value -= 0.5;
 * });
 * ```
 *
 * @typeParam T The type of the value. Default: `Int32`.
 */
export class SharedValue<T extends ElementType = "Int32"> {
  /** Bytes to reserve for a value and its lock. */
  static readonly BYTES: number = Mutex.BYTES + RawValue.BYTES;

  /** The lock of the value. */
  readonly mutex: Mutex;
  /** The value without the lock, for code that holds the lock. */
  readonly raw: RawValue<T>;

  readonly #region: Region;
  readonly #me: number;
  readonly #word: number;
  /** Where an `Int32` is, for steps of one call; 0 for the other types. */
  readonly #at: number;

  /**
   * The value at `offset`, its lock first; it begins as 0.
   *
   * @param type Default: `Int32`.
   * @throws {RangeError} If it does not fit, or `offset` is not a multiple of 8.
   * @throws {TypeError} If there is no such type, or an argument is of a wrong type.
   */
  constructor(memory: Memory, offset: number, type: T = "Int32" as T) {
    const attachment = attachmentOf(memory, "a value");
    const { region } = attachment;
    this.#region = region;
    this.#word = region.resolve(offset, Mutex.BYTES, 8);
    this.raw = new RawValue(memory, offset + Mutex.BYTES, type);
    this.mutex = new Mutex(memory, offset);
    this.#me = attachment.identity;
    this.#at = type === "Int32" ? this.#word + Mutex.BYTES : 0;
  }

  /**
   * The value now.
   *
   * @throws {DeadlockError} If this thread holds the lock.
   */
  get value(): Elements[T] {
    if (this.#at !== 0) {
      const value = this.#step(LOCKED.load, 0);
      // SAFETY: here and below, only an `Int32` has a place.
      if ((value | 0) === value || this.#isDone(value)) return (value | 0) as Elements[T];
    }
    const { mutex } = this;
    mutex.lock();
    try {
      return this.raw.value;
    } finally {
      mutex.unlock();
    }
  }

  /**
   * Stores a value.
   *
   * @throws {TypeError} If it is not of the type, such as 0.5 for an `Int32`.
   * @throws {RangeError} If it is out of the range of the type.
   * @throws {DeadlockError} If this thread holds the lock.
   */
  set value(value: Elements[T]) {
    if (this.#at !== 0 && typeof value === "number" && (value | 0) === value) {
      const stored = this.#step(LOCKED.store, value);
      if ((stored | 0) === stored || this.#isDone(stored)) return;
    }
    const { mutex } = this;
    mutex.lock();
    try {
      this.raw.value = value;
    } finally {
      mutex.unlock();
    }
  }

  /**
   * Adds `n`, in one step; negative to subtract.
   *
   * @returns The new value.
   * @throws {TypeError} If `n` or the sum is not of the type, such as 0.5 for an `Int32`.
   * @throws {RangeError} If the sum is out of the range of the type; the value stays.
   * @throws {DeadlockError} If this thread holds the lock.
   */
  add(n: Elements[T]): Elements[T] {
    if (this.#at !== 0 && typeof n === "number" && (n | 0) === n) {
      const sum = this.#step(LOCKED.add, n);
      if ((sum | 0) === sum || this.#isDone(sum)) return (sum | 0) as Elements[T];
    }
    const { mutex, raw } = this;
    mutex.lock();
    try {
      const was: unknown = raw.value;
      if (typeof n !== typeof was) {
        throw new TypeError(`Cannot add ${nameOf(n)} to a value: not a ${typeof was}`);
      }
      // SAFETY: both have the type of the value, and a sum that has not is refused.
      raw.value = (was as number + (n as number)) as Elements[T];
      return raw.value;
    } finally {
      mutex.unlock();
    }
  }

  /**
   * Replaces the value by the result of `change`, under the lock.
   *
   * @param change Takes the value and returns the next one. Other threads wait meanwhile, so it
   * must be quick, and not async. If it throws, the value stays.
   * @returns The next value.
   * @throws {TypeError} If that is not of the type, such as a promise.
   * @throws {RangeError} If it is out of the range of the type.
   * @throws {DeadlockError} If this thread holds the lock.
   */
  update(change: (value: Elements[T]) => Elements[T]): Elements[T] {
    checkFunction(change, "update a value");
    const { mutex, raw } = this;
    mutex.lock();
    let next: Elements[T] | undefined;
    try {
      next = change(raw.value);
      raw.value = next;
      return raw.value;
    } catch (error) {
      // Only a value that was refused can be a promise; so a good one pays nothing for this.
      refuseThenable(next, "update a value", "withLock with its mutex");
      throw error;
    } finally {
      mutex.unlock();
    }
  }

  #step(what: number, n: number): number {
    return this.#region.atomics.locked32(this.#word, this.#me, this.#at, what, n);
  }

  /** Whether a step that has not returned its integer was done. Wakes the waiters, if there are any. */
  #isDone(result: number): boolean {
    if (result !== result) return false;
    adopt(this.mutex);
    this.mutex.unlock();
    return result !== Infinity;
  }
}
