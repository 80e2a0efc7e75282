import { nameOf } from "../contract/options.ts";
import { type Element, elementOf, type Elements, type ElementType } from "./element.ts";
import { type Memory, regionOf } from "./memory.ts";
import type { Region } from "./region.ts";

/**
 * Elements of one type in shared memory, without a lock, like `multiprocessing.RawArray` of Python.
 * Each read and each write of an element is atomic, but two threads that read and then write one
 * lose updates.
 *
 * A value that the type cannot represent is an error, never wrapped; a `Float32` is rounded.
 *
 * @example
 * ```ts
 * import { Memory, RawArray } from "@interlock/interlock";
 *
 * const array = new RawArray(Memory.anonymous(1024), 0, 10, "Float64");
 * array.set(3, 0.5);
 * console.log([...array]); // [0, 0, 0, 0.5, 0, 0, 0, 0, 0, 0]
 * ```
 *
 * @typeParam T The type of the elements. Default: `Int32`.
 */
export class RawArray<T extends ElementType = "Int32"> {
  /** The number of elements. */
  readonly length: number;
  /** The type of the elements. */
  readonly type: T;
  readonly #region: Region;
  readonly #at: number;
  readonly #bytes: number;
  /** `undefined` for `Int32`; see `RawValue`. */
  readonly #element: Element<Elements[T]> | undefined;

  /**
   * The bytes that an array of `length` elements takes.
   *
   * @throws {RangeError} If `length` is not a positive whole number.
   * @throws {TypeError} If there is no such type, or `length` is not a number.
   */
  static bytes(length: number, type: ElementType = "Int32"): number {
    if (typeof length !== "number") {
      throw new TypeError(`Cannot make an array of length ${nameOf(length)}: not a number`);
    }
    if (!Number.isInteger(length) || length < 1) {
      throw new RangeError(`Cannot make an array of length ${length}: not a positive whole number`);
    }
    return length * elementOf(type).bytes;
  }

  /**
   * The array at `offset`; it begins as zeros.
   *
   * @param type Default: `Int32`.
   * @throws {RangeError} If it does not fit, `length` is not a positive whole number, or `offset`
   * is not a multiple of the bytes that an element takes.
   * @throws {TypeError} If there is no such type, or an argument is of a wrong type.
   */
  constructor(memory: Memory, offset: number, length: number, type: T = "Int32" as T) {
    const element = elementOf(type);
    this.#region = regionOf(memory, "an array");
    this.#at = this.#region.resolve(offset, RawArray.bytes(length, type), element.bytes);
    this.#bytes = element.bytes;
    this.#element = type === "Int32" ? undefined : element;
    this.length = length;
    this.type = type;
  }

  /**
   * Reads an element.
   *
   * @throws {RangeError} If the array has no such index.
   * @throws {TypeError} If `index` is not a number.
   */
  get(index: number): Elements[T] {
    const element = this.#element;
    const at = this.#offsetOf(index);
    // SAFETY: only `Int32` has no element.
    if (element === undefined) return this.#region.atomics.load32(at) as Elements[T];
    return element.load(this.#region.atomics, at);
  }

  /**
   * Writes an element.
   *
   * @throws {TypeError} If the value is not of the type, such as 0.5 for an `Int32`.
   * @throws {RangeError} If the array has no such index, or the value is out of the range of the
   * type.
   */
  set(index: number, value: Elements[T]): void {
    const element = this.#element;
    const at = this.#offsetOf(index);
    if (element !== undefined) {
      element.store(this.#region.atomics, at, element.check(value));
    } else if (typeof value === "number" && (value | 0) === value) {
      this.#region.atomics.store32(at, value);
    } else elementOf(this.type).check(value);
  }

  /** Yields the elements in order; reads each of them only when it is its turn. */
  *[Symbol.iterator](): Generator<Elements[T], void, void> {
    for (let i = 0; i < this.length; i++) yield this.get(i);
  }

  #offsetOf(index: number): number {
    // First, since a comparison throws for a symbol; `isInteger` takes any value.
    if (Number.isInteger(index) && index >= 0 && index < this.length) {
      return this.#at + index * this.#bytes;
    }
    throw this.#badIndex(index);
  }

  #badIndex(index: unknown): Error {
    const message = `Cannot use ${nameOf(index)} as an index of an array: it must be a whole ` +
      `number from 0 to ${this.length - 1}`;
    return typeof index === "number" ? new RangeError(message) : new TypeError(message);
  }
}
