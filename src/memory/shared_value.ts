import type { Memory } from "./memory.ts";
import { Mutex } from "./mutex.ts";
import { RawValue } from "./raw_value.ts";

/**
 * A 32-bit integer in shared memory whose every read and every write is under a lock of its own,
 * like `multiprocessing.Value` of Python. The step from a read to a write is not: for that, hold
 * another lock around both, or use an `AtomicCounter`.
 *
 * @example
 * ```ts
 * import { Memory, Mutex, SharedValue } from "@interlock/interlock";
 *
 * const memory = Memory.anonymous(512);
 * const value = new SharedValue(memory, 0);
 * const mutex = new Mutex(memory, SharedValue.BYTES);
 * {
 *   using _guard = mutex.acquireSync();
 *   value.value += 1;
 * }
 * ```
 */
export class SharedValue {
  /** Bytes to set aside for one. */
  static readonly BYTES: number = Mutex.BYTES + RawValue.BYTES;

  readonly #mutex: Mutex;
  readonly #raw: RawValue;

  /**
   * The value at `offset`, its lock first.
   *
   * @throws {RangeError} If it does not fit, or `offset` is not a multiple of 4.
   */
  constructor(memory: Memory, offset: number) {
    this.#mutex = new Mutex(memory, offset);
    this.#raw = new RawValue(memory, offset + Mutex.BYTES);
  }

  /** The value now. */
  get value(): number {
    this.#mutex.lock();
    const value = this.#raw.value;
    this.#mutex.unlock();
    return value;
  }

  /** Stores a number, wrapped to 32 bits. */
  set value(value: number) {
    this.#mutex.lock();
    this.#raw.value = value;
    this.#mutex.unlock();
  }
}
