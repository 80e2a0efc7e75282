import type { Memory } from "./memory.ts";
import { type Fields, RecordDescription, type RecordValue } from "./record.ts";

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
 * import { Memory, RawRecord, record } from "@interlock/interlock";
 *
 * const point = new RawRecord(Memory.anonymous(256), 0, record({ x: "Float64", y: "Float64" }));
 * point.write({ y: 2 });
 * console.log(point.read()); // { x: 0, y: 2 }
 * ```
 */
export class RawRecord<F extends Fields> {
  /** What it consists of. */
  readonly description: RecordDescription<F>;
  readonly #memory: Memory;
  readonly #at: number;
  /** One copy as this thread has read it, or is about to write it. */
  readonly #words: Int32Array<ArrayBuffer>;
  readonly #view: DataView<ArrayBuffer>;

  /**
   * The bytes to set aside for one, so that neighbours do not slow it down.
   *
   * @throws {TypeError} If `description` is not what `record` gives.
   */
  static bytes(description: RecordDescription<Fields>): number {
    if (!(description instanceof RecordDescription)) {
      throw new TypeError("Cannot make a record: describe it by record({ ... })");
    }
    return Math.ceil((HEAD + 2 * description.byteLength) / LINE) * LINE;
  }

  /**
   * The record at `offset`; it begins with zeros, empty texts and no bytes.
   *
   * @throws {RangeError} If it does not fit, or `offset` is not a multiple of 8.
   * @throws {TypeError} If `description` is not what `record` gives.
   */
  constructor(memory: Memory, offset: number, description: RecordDescription<F>) {
    RawRecord.bytes(description);
    const { byteLength } = description;
    this.#at = memory.place(offset, HEAD + 2 * byteLength, 8);
    this.#memory = memory;
    this.description = description;
    const scratch = new ArrayBuffer(byteLength);
    this.#words = new Int32Array(scratch);
    this.#view = new DataView(scratch);
  }

  /**
   * The record as it is, if nobody writes meanwhile.
   *
   * @throws {SegmentFormatError} If it is damaged.
   */
  read(): RecordValue<F> {
    this.#load(this.#memory.atomic.load32(this.#at));
    return this.description.decode(this.#view);
  }

  /**
   * The record as it was at one moment; `undefined` where somebody wrote meanwhile.
   *
   * @throws {SegmentFormatError} If it is damaged.
   */
  tryRead(): RecordValue<F> | undefined {
    const version = this.#memory.atomic.load32(this.#at);
    this.#load(version);
    // The copy is not touched before the version is counted up: the next write makes the other.
    if (this.#memory.atomic.load32(this.#at) !== version) return undefined;
    return this.description.decode(this.#view);
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
    return this.description.decode(this.#view);
  }

  /** The same, and makes no object of the result. */
  store(value: Partial<RecordValue<F>>): void {
    const { atomic } = this.#memory;
    const version = atomic.load32(this.#at);
    this.#load(version);
    this.description.encode(this.#view, value);
    const words = this.#words;
    const at = this.#place(version + 1);
    for (let i = 0; i < words.length; i++) atomic.store32(at + 4 * i, words[i]);
    atomic.store32(this.#at, (version + 1) | 0);
  }

  #place(version: number): number {
    return this.#at + HEAD + (version & 1) * this.description.byteLength;
  }

  /** Each word by an atomic load: others may write the copy meanwhile, and nothing may be hoisted. */
  #load(version: number): void {
    const { atomic } = this.#memory;
    const words = this.#words;
    const at = this.#place(version);
    for (let i = 0; i < words.length; i++) words[i] = atomic.load32(at + 4 * i);
  }
}
