import type { AtomicOperations } from "./atomic_operations.ts";
import { type Memory, regionOf } from "./memory.ts";
import {
  type Fields,
  layoutOf,
  type RecordDescription,
  type RecordLayout,
  type RecordValue,
} from "./record.ts";
import type { Region } from "./region.ts";

const LINE = 128;
/** The bytes before the two copies. */
const HEAD = 8;

/**
 * A record in shared memory, without a lock. The caller must hold a lock that excludes other
 * writers.
 *
 * There are two copies of the record, and a version that counts the writes:
 *
 * | offset | bytes | contents                                                   |
 * | ------ | ----- | ---------------------------------------------------------- |
 * | 0      | 4     | version: its last bit tells which copy is valid            |
 * | 8      | n     | copy 0                                                     |
 * | 8 + n  | n     | copy 1                                                     |
 *
 * A write fills the other copy and then counts the version up. So if a writer dies, at any moment,
 * the record is as it was before or as it should become, never half-written.
 *
 * @example
 * ```ts
 * import { defineRecord, Memory, RawRecord } from "@interlock/interlock";
 *
 * const Point = defineRecord({ x: "Float64", y: "Float64" });
 * const point = new RawRecord(Memory.anonymous(256), 0, Point);
 * point.write({ y: 2 });
 * console.log(point.read()); // { x: 0, y: 2 }
 * ```
 */
export class RawRecord<F extends Fields> {
  /** The description of the record. */
  readonly description: RecordDescription<F>;
  readonly #region: Region;
  readonly #at: number;
  readonly #layout: RecordLayout;

  /**
   * The bytes to reserve for a record, so that its neighbours do not slow it down.
   *
   * @throws {TypeError} If `defineRecord` did not return `description`.
   */
  static bytes(description: RecordDescription<Fields>): number {
    return Math.ceil((HEAD + 2 * layoutOf(description).size) / LINE) * LINE;
  }

  /**
   * The record at `offset`; it begins with zeros, empty texts and no bytes.
   *
   * @throws {RangeError} If it does not fit, or `offset` is not a multiple of 8.
   * @throws {TypeError} If `defineRecord` did not return `description`, or another argument is of a
   * wrong type.
   */
  constructor(memory: Memory, offset: number, description: RecordDescription<F>) {
    const layout = layoutOf(description);
    const { size } = layout;
    this.#region = regionOf(memory, "a record");
    this.#at = this.#region.resolve(offset, HEAD + 2 * size, 8);
    this.description = description;
    this.#layout = layout;
  }

  /**
   * Reads the record. No other thread may write it meanwhile.
   *
   * @throws {SegmentFormatError} If it is damaged.
   */
  read(): RecordValue<F> {
    const { atomics } = this.#region;
    return this.#readAt(atomics, this.#copyOf(atomics.load32(this.#at)));
  }

  /**
   * Reads the record as it was at one moment; returns `undefined` if another thread wrote it
   * meanwhile.
   *
   * @throws {SegmentFormatError} If it is damaged.
   */
  tryRead(): RecordValue<F> | undefined {
    const { atomics } = this.#region;
    const version = atomics.load32(this.#at);
    let value: RecordValue<F> | undefined;
    try {
      value = this.#readAt(atomics, this.#copyOf(version));
    } catch (error) {
      // Bytes of two writes can look like damage.
      if (atomics.load32(this.#at) === version) throw error;
    }
    // The next write fills the other copy, so this one stays until the version is counted up.
    return atomics.load32(this.#at) === version ? value : undefined;
  }

  /**
   * Writes some of the fields, in one step; the others stay.
   *
   * @returns The new record.
   * @throws {TypeError} If there is no such field, or a value is not of its type.
   * @throws {RangeError} If a value is out of the range of its type, or longer than its field.
   */
  write(value: Partial<RecordValue<F>>): RecordValue<F> {
    return this.#readAt(this.#region.atomics, this.#store(value));
  }

  /** The same as {@linkcode write}, without making an object of the new record. */
  store(value: Partial<RecordValue<F>>): void {
    this.#store(value);
  }

  /** Writes, and returns where the new copy is. If it throws, the old one is still valid. */
  #store(value: Partial<RecordValue<F>>): number {
    const { atomics } = this.#region;
    const version = atomics.load32(this.#at);
    const to = this.#copyOf(version + 1);
    atomics.copy64(this.#copyOf(version), to, this.#layout.size / 8);
    this.#layout.write(atomics, to, value);
    atomics.store32(this.#at, (version + 1) | 0);
    return to;
  }

  #readAt(atomics: AtomicOperations, at: number): RecordValue<F> {
    // SAFETY: the layout was made of the fields of F, and each field reads values of its type.
    return this.#layout.read(atomics, at) as RecordValue<F>;
  }

  #copyOf(version: number): number {
    return this.#at + HEAD + (version & 1) * this.#layout.size;
  }
}
