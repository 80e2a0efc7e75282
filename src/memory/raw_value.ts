import { type Element, elementOf, type Elements, type ElementType } from "./element.ts";
import { type Memory, regionOf } from "./memory.ts";
import type { Region } from "./region.ts";

/**
 * A value in shared memory, without a lock, like `multiprocessing.RawValue` of Python. Each read
 * and each write is atomic, but `value.value += 1` is not: two threads that do it lose updates.
 *
 * A value that the type cannot represent is an error, never wrapped; a `Float32` is rounded.
 *
 * @example
 * ```ts
 * import { Memory, RawValue } from "@interlock/interlock";
 *
 * const memory = Memory.anonymous(256);
 * const integer = new RawValue(memory, 0);
 * integer.value += 1;
 * const real = new RawValue(memory, RawValue.BYTES, "Float64");
 * real.value = 0.5;
 * ```
 *
 * @typeParam T The type of the value. Default: `Int32`.
 */
export class RawValue<T extends ElementType = "Int32"> {
  /** Bytes to reserve for a value, so that its neighbours do not slow it down. */
  static readonly BYTES = 128;

  /** The type of the value. */
  readonly type: T;
  readonly #region: Region;
  readonly #at: number;
  /** `undefined` for an `Int32`, which has its own, three times faster path. */
  readonly #element: Element<Elements[T]> | undefined;

  /**
   * The value at `offset`; it begins as 0.
   *
   * @param type Default: `Int32`.
   * @throws {RangeError} If `offset` is outside of the memory, or not a multiple of the bytes that
   * the value takes.
   * @throws {TypeError} If there is no such type, or an argument is of a wrong type.
   */
  constructor(memory: Memory, offset: number, type: T = "Int32" as T) {
    const element = elementOf(type);
    this.#region = regionOf(memory, "a value");
    this.#at = this.#region.resolve(offset, element.bytes, element.bytes);
    this.#element = type === "Int32" ? undefined : element;
    this.type = type;
  }

  /** The value now. */
  get value(): Elements[T] {
    const element = this.#element;
    // SAFETY: only an `Int32` has no element.
    if (element === undefined) return this.#region.atomics.load32(this.#at) as Elements[T];
    return element.load(this.#region.atomics, this.#at);
  }

  /**
   * Stores a value.
   *
   * @throws {TypeError} If it is not of the type, such as 0.5 for an `Int32`.
   * @throws {RangeError} If it is out of the range of the type.
   */
  set value(value: Elements[T]) {
    const element = this.#element;
    if (element !== undefined) {
      element.store(this.#region.atomics, this.#at, element.check(value));
    } else if (typeof value === "number" && (value | 0) === value) {
      this.#region.atomics.store32(this.#at, value);
    } else elementOf(this.type).check(value);
  }
}
