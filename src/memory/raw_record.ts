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
/** Bytes before the two copies. */
const HEAD = 8;

/**
 * A record in shared memory without a lock: for who holds one that keeps other writers out.
 *
 * It is kept twice, and a version counts its writes:
 *
 * | offset | bytes | what                                                       |
 * | ------ | ----- | ---------------------------------------------------------- |
 * | 0      | 4     | version: its last bit says which of the copies is valid    |
 * | 8      | n     | copy 0                                                     |
 * | 8 + n  | n     | copy 1                                                     |
 *
 * A write makes the other copy and then counts the version up. So a writer may die at any moment,
 * and the record is what it was before or what it should become, and nothing between.
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
  /** What it consists of. */
  readonly description: RecordDescription<F>;
  readonly #region: Region;
  readonly #at: number;
  readonly #layout: RecordLayout;
  /** One copy as this thread has read it, or is about to write it. */
  readonly #words: Int32Array<ArrayBuffer>;
  readonly #view: DataView<ArrayBuffer>;

  /**
   * The bytes to set aside for one, so that neighbours do not slow it down.
   *
   * @throws {TypeError} If `description` is not what `defineRecord` returns.
   */
  static bytes(description: RecordDescription<Fields>): number {
    return Math.ceil((HEAD + 2 * layoutOf(description).size) / LINE) * LINE;
  }

  /**
   * The record at `offset`; it begins with zeros, empty texts and no bytes.
   *
   * @throws {RangeError} If it does not fit, or `offset` is not a multiple of 8.
   * @throws {TypeError} If `description` is not what `defineRecord` returns.
   */
  constructor(memory: Memory, offset: number, description: RecordDescription<F>) {
    const layout = layoutOf(description);
    const { size } = layout;
    this.#region = regionOf(memory, "a record");
    this.#at = this.#region.resolve(offset, HEAD + 2 * size, 8);
    this.description = description;
    this.#layout = layout;
    const scratch = new ArrayBuffer(size);
    this.#words = new Int32Array(scratch);
    this.#view = new DataView(scratch);
  }

  /**
   * The record as it is, if nobody writes meanwhile.
   *
   * @throws {SegmentFormatError} If it is damaged.
   */
  read(): RecordValue<F> {
    this.#load(this.#region.atomics.load32(this.#at));
    return this.#decode();
  }

  /**
   * The record as it was at one moment; `undefined` where somebody wrote meanwhile.
   *
   * @throws {SegmentFormatError} If it is damaged.
   */
  tryRead(): RecordValue<F> | undefined {
    const version = this.#region.atomics.load32(this.#at);
    this.#load(version);
    // The copy is not touched before the version is counted up: the next write makes the other.
    if (this.#region.atomics.load32(this.#at) !== version) return undefined;
    return this.#decode();
  }

  /**
   * Writes some of the fields, all at once; the others stay.
   *
   * @returns The record as it is then.
   * @throws {TypeError} If there is no such field, or a value is none of its type.
   * @throws {RangeError} If a value is out of the range of its type, or longer than it may be.
   */
  write(value: Partial<RecordValue<F>>): RecordValue<F> {
    this.store(value);
    return this.#decode();
  }

  /** The same, and makes no object of the result. */
  store(value: Partial<RecordValue<F>>): void {
    const { atomics } = this.#region;
    const version = atomics.load32(this.#at);
    this.#load(version);
    this.#layout.encode(this.#view, value);
    const words = this.#words;
    const at = this.#offsetOf(version + 1);
    for (let i = 0; i < words.length; i++) atomics.store32(at + 4 * i, words[i]);
    atomics.store32(this.#at, (version + 1) | 0);
  }

  #decode(): RecordValue<F> {
    // SAFETY: the layout was made of the fields of F, and each field reads values of its type.
    return this.#layout.decode(this.#view) as RecordValue<F>;
  }

  #offsetOf(version: number): number {
    return this.#at + HEAD + (version & 1) * this.#layout.size;
  }

  /** Each word by an atomic load: others may write the copy meanwhile, and nothing may be hoisted. */
  #load(version: number): void {
    const { atomics } = this.#region;
    const words = this.#words;
    const at = this.#offsetOf(version);
    for (let i = 0; i < words.length; i++) words[i] = atomics.load32(at + 4 * i);
  }
}
