import { SegmentFormatError } from "../contract/errors.ts";
import { nameOf } from "../contract/options.ts";
import { checksum, HEADER } from "./layout.ts";
import type { Region } from "./region.ts";

/** What a name and a shape may be long, in bytes of UTF-8. */
const MOST_NAME = 64;
const MOST_SHAPE = 40;

/**
 * A record, on 128 bytes, right before what it names:
 *
 * | offset | bytes | what                                                         |
 * | ------ | ----- | ------------------------------------------------------------ |
 * | 0      | 4     | offset of the record that was the newest before it, plus 1   |
 * | 4      | 4     | checksum of all that follows                                 |
 * | 8      | 4     | length of what it names, in bytes                            |
 * | 12     | 2     | length of the name                                           |
 * | 14     | 2     | length of the shape                                          |
 * | 16     |       | the name, then the shape                                     |
 */
const RECORD = { next: 0, checksum: 4, size: 8, name: 12, shape: 14, text: 16 } as const;
const LINE = 128;

const encoder = new TextEncoder();
// Decoding must never make two names equal, or change one: a byte order mark is part of a name.
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Something that has a name in a memory. */
export interface Entry {
  readonly name: string;
  /** Its kind, and what else has to be the same for all, such as `array Int32 10`. */
  readonly shape: string;
  /** Where it begins, as `Memory.place` wants it. */
  readonly offset: number;
  readonly size: number;
}

/**
 * What lies in a memory, by name. Records are only ever added, at the head of a list, by one
 * compare-and-swap, so there is no lock that somebody could die with: a record that was not
 * published is only lost room. After R. K. Treiber, "Systems Programming: Coping with Parallelism"
 * (1986).
 */
export class Directory {
  readonly #region: Region;
  readonly #what: string;

  /** The directory of a memory; `what` names that in errors. */
  constructor(region: Region, what: string) {
    this.#region = region;
    this.#what = what;
  }

  /**
   * All entries, the newest first.
   *
   * @throws {SegmentFormatError} If the directory is damaged.
   */
  *entries(): Generator<Entry> {
    const { atomics, base, size } = this.#region;
    const used = atomics.load32(base + HEADER.used) >>> 0;
    if (used > size || used % LINE !== 0) throw this.#damaged(`it uses ${used} bytes`);
    let next = atomics.load32(base + HEADER.newest) >>> 0;
    for (let steps = 0; next !== 0; steps++) {
      if (steps * 2 * LINE > size) throw this.#damaged("it leads round in a circle");
      const record = next - 1;
      // Others may add to the directory meanwhile, so the limit is read anew.
      const end = atomics.load32(base + HEADER.used) >>> 0;
      if (record % LINE !== 0 || record + LINE > end || end > size) {
        throw this.#damaged(`it leads to byte ${record}`);
      }
      yield this.#read(record, end);
      next = atomics.load32(this.#region.resolve(record, LINE, LINE) + RECORD.next) >>> 0;
    }
  }

  /** The entry of a name. */
  find(name: string): Entry | undefined {
    for (const entry of this.entries()) if (entry.name === name) return entry;
    return undefined;
  }

  /**
   * The entry of a name, made where there is none.
   *
   * @throws {TypeError} If something of another kind has the name, or if the name is not a string
   * of 1 to 64 bytes of UTF-8 without NUL.
   * @throws {RangeError} If there is no room for it.
   * @throws {SegmentFormatError} If the directory is damaged.
   */
  obtain(name: string, shape: string, size: number): Entry {
    const bytes = this.#nameBytes(name);
    const known = this.find(name);
    if (known !== undefined) return this.#same(known, shape);

    const { atomics, base } = this.#region;
    const length = LINE + Math.ceil(size / LINE) * LINE;
    const record = this.#allocate(name, length);
    this.#write(record, bytes, encoder.encode(shape), size);
    const at = this.#region.resolve(record, LINE, LINE);
    for (;;) {
      const newest = atomics.load32(base + HEADER.newest);
      // Somebody may have added the same name since.
      const twin = this.find(name);
      if (twin !== undefined) {
        this.#giveBack(record, length);
        return this.#same(twin, shape);
      }
      atomics.store32(at + RECORD.next, newest);
      if (atomics.compareExchange32(base + HEADER.newest, newest, record + 1) === newest) {
        return { name, shape, offset: record + LINE, size };
      }
    }
  }

  #nameBytes(name: string): Uint8Array {
    const isText = typeof name === "string" && name.isWellFormed() && !name.includes("\0");
    const bytes = isText ? encoder.encode(name) : undefined;
    if (bytes === undefined || bytes.length === 0 || bytes.length > MOST_NAME) {
      throw new TypeError(
        `Cannot use the name ${nameOf(name)} in ${this.#what}: it must be a string of 1 to ` +
          `${MOST_NAME} bytes, without NUL or a lone surrogate`,
      );
    }
    return bytes;
  }

  #same(entry: Entry, shape: string): Entry {
    if (entry.shape === shape) return entry;
    throw new TypeError(
      `Cannot use "${entry.name}" in ${this.#what} as ${shape}: it is ${entry.shape}`,
    );
  }

  #allocate(name: string, length: number): number {
    const { atomics, base, size } = this.#region;
    for (;;) {
      const used = atomics.load32(base + HEADER.used) >>> 0;
      if (used > size || used % LINE !== 0) throw this.#damaged(`it uses ${used} bytes`);
      if (used + length > size) {
        throw new RangeError(
          `Cannot make "${name}" in ${this.#what}: it takes ${length} bytes, and ` +
            `${size - used} of ${size} are left. Make it with a greater size`,
        );
      }
      if (atomics.compareExchange32(base + HEADER.used, used, used + length) === used) return used;
    }
  }

  /** Gives room back that nobody saw, unless somebody has allocated behind it. */
  #giveBack(record: number, length: number): void {
    const { atomics, base } = this.#region;
    new Uint8Array(this.#region.buffer, this.#region.resolve(record, LINE, LINE), LINE).fill(0);
    atomics.compareExchange32(base + HEADER.used, record + length, record);
  }

  #write(record: number, name: Uint8Array, shape: Uint8Array, size: number): void {
    if (shape.length > MOST_SHAPE) {
      throw new TypeError(`Cannot describe a shape of ${shape.length} bytes`);
    }
    const at = this.#region.resolve(record, LINE, LINE);
    const bytes = new Uint8Array(this.#region.buffer, at, LINE);
    const view = new DataView(this.#region.buffer, at, LINE);
    view.setUint32(RECORD.size, size, true);
    view.setUint16(RECORD.name, name.length, true);
    view.setUint16(RECORD.shape, shape.length, true);
    bytes.set(name, RECORD.text);
    bytes.set(shape, RECORD.text + name.length);
    view.setUint32(RECORD.checksum, checksum(bytes.subarray(RECORD.size)), true);
  }

  #read(record: number, end: number): Entry {
    const at = this.#region.resolve(record, LINE, LINE);
    const bytes = new Uint8Array(this.#region.buffer, at, LINE).slice();
    const view = new DataView(bytes.buffer);
    if (view.getUint32(RECORD.checksum, true) !== checksum(bytes.subarray(RECORD.size))) {
      throw this.#damaged(`the checksum of the record at byte ${record} does not fit`);
    }
    const name = view.getUint16(RECORD.name, true);
    const shape = view.getUint16(RECORD.shape, true);
    const size = view.getUint32(RECORD.size, true);
    if (name > MOST_NAME || shape > MOST_SHAPE || record + LINE + size > end) {
      throw this.#damaged(`the record at byte ${record} says more than there is room for`);
    }
    const text = bytes.subarray(RECORD.text);
    try {
      return {
        name: decoder.decode(text.subarray(0, name)),
        shape: decoder.decode(text.subarray(name, name + shape)),
        offset: record + LINE,
        size,
      };
    } catch {
      throw this.#damaged(`the name at byte ${record} is not UTF-8`);
    }
  }

  #damaged(flaw: string): SegmentFormatError {
    return new SegmentFormatError(`Cannot read the directory of ${this.#what}: ${flaw}`);
  }
}
