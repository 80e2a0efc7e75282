import { refuseThenable } from "../contract/refuse_thenable.ts";
import { checkFunction } from "./arguments.ts";
import type { Elements, ElementType } from "./element.ts";
import { type Memory, regionOf } from "./memory.ts";
import { Mutex } from "./mutex.ts";
import { RawArray } from "./raw_array.ts";

const LINE = 128;

/**
 * Elements of one type in shared memory with their own lock, like `multiprocessing.Array` of
 * Python. Each {@linkcode SharedArray.get}, {@linkcode SharedArray.set} and
 * {@linkcode SharedArray.update} takes the lock. For longer steps, hold
 * {@linkcode SharedArray.mutex}, which is not reentrant, and use {@linkcode SharedArray.raw}.
 *
 * @example
 * ```ts
 * import { Memory, SharedArray } from "@interlock/interlock";
 *
 * const array = new SharedArray(Memory.anonymous(1024), 0, 10);
 * array.update(3, (n) => n + 1);
 * array.mutex.runSync(() => {
 *   array.raw.set(0, array.raw.get(3)); // No other thread comes in between.
 * });
 * ```
 *
 * @typeParam T The type of the elements. Default: `Int32`.
 */
export class SharedArray<T extends ElementType = "Int32"> {
  /** The lock of the whole array. */
  readonly mutex: Mutex;
  /** The elements without the lock, for code that holds the lock. */
  readonly raw: RawArray<T>;

  /**
   * The bytes that an array of `length` elements and its lock take.
   *
   * @throws {RangeError} If `length` is not a positive whole number.
   * @throws {TypeError} If there is no such type.
   */
  static bytes(length: number, type: ElementType = "Int32"): number {
    return Mutex.BYTES + Math.ceil(RawArray.bytes(length, type) / LINE) * LINE;
  }

  /**
   * The array at `offset`, its lock first; it begins as zeros.
   *
   * @param type Default: `Int32`.
   * @throws {RangeError} If it does not fit, `length` is not a positive whole number, or `offset`
   * is not a multiple of 8.
   * @throws {TypeError} If there is no such type, or an argument is of a wrong type.
   */
  constructor(memory: Memory, offset: number, length: number, type: T = "Int32" as T) {
    regionOf(memory, "an array").resolve(offset, Mutex.BYTES, 8);
    this.raw = new RawArray(memory, offset + Mutex.BYTES, length, type);
    this.mutex = new Mutex(memory, offset);
  }

  /** The number of elements. */
  get length(): number {
    return this.raw.length;
  }

  /**
   * Reads an element under the lock.
   *
   * @throws {RangeError} If the array has no such index.
   * @throws {DeadlockError} If this thread holds the lock.
   */
  get(index: number): Elements[T] {
    const { mutex } = this;
    mutex.lock();
    try {
      return this.raw.get(index);
    } finally {
      mutex.unlock();
    }
  }

  /**
   * Writes an element under the lock.
   *
   * @throws {TypeError} If the value is not of the type, such as 0.5 for an `Int32`.
   * @throws {RangeError} If the array has no such index, or the value is out of the range of the
   * type.
   * @throws {DeadlockError} If this thread holds the lock.
   */
  set(index: number, value: Elements[T]): void {
    const { mutex } = this;
    mutex.lock();
    try {
      this.raw.set(index, value);
    } finally {
      mutex.unlock();
    }
  }

  /**
   * Replaces an element by the result of `change`, under the lock.
   *
   * @param change Takes the element and returns the next one. Other threads wait meanwhile, so it
   * must be quick, and neither async nor a generator. If it throws, the element stays.
   * @returns The new element.
   * @throws {TypeError} If that is not of the type, such as a promise.
   * @throws {RangeError} If the array has no such index, or the value is out of the range of the
   * type.
   * @throws {DeadlockError} If this thread holds the lock.
   */
  update(index: number, change: (value: Elements[T]) => Elements[T]): Elements[T] {
    checkFunction(change, "update an array");
    const { mutex, raw } = this;
    mutex.lock();
    let next: Elements[T] | undefined;
    try {
      next = change(raw.get(index));
      raw.set(index, next);
      return raw.get(index);
    } catch (error) {
      // Only a value that was refused can be a promise; so a good one pays nothing for this.
      refuseThenable(next, "update an array", "withLock with its mutex");
      throw error;
    } finally {
      mutex.unlock();
    }
  }

  /**
   * Reads all elements in order, under the lock.
   *
   * @throws {DeadlockError} If this thread holds the lock.
   */
  toArray(): Elements[T][] {
    const { mutex } = this;
    mutex.lock();
    try {
      return [...this.raw];
    } finally {
      mutex.unlock();
    }
  }
}
