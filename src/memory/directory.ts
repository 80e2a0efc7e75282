import { SegmentFormatError } from "../contract/errors.ts";
import { nameOf } from "../contract/options.ts";
import { checksum, HEADER } from "./layout.ts";
import type { Region } from "./region.ts";

/** The longest name and shape, in bytes of UTF-8. */
const MOST_NAME = 64;
const MOST_SHAPE = 40;

/**
 * A record, 128 bytes, right before the thing that it names:
 *
 * | offset | bytes | contents                                                     |
 * | ------ | ----- | ------------------------------------------------------------ |
 * | 0      | 4     | offset of the record that was the newest before, plus 1      |
 * | 4      | 4     | state: 0 in use                                              |
 * | 8      | 4     | checksum of all that follows                                 |
 * | 12     | 4     | size of the thing, in bytes                                  |
 * | 16     | 2     | length of the name                                           |
 * | 18     | 2     | length of the shape                                          |
 * | 20     |       | the name, then the shape                                     |
 */
const RECORD = { next: 0, checksum: 8, size: 12, name: 16, shape: 18, text: 20 } as const;
const LINE = 128;

const encoder = new TextEncoder();
// Decoding must never make two names equal, or change one: a byte order mark is part of a name.
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A named thing in a memory. */
export interface Entry {
  readonly name: string;
  /** Its kind, with all that must be the same for all users, such as `array Int32 10`. */
  readonly shape: string;
  /** Its offset, for `Region.resolve`. */
  readonly offset: number;
  readonly size: number;
}

/**
 * The named things in a memory. Records are only added, at the head of a list, by one
 * compare-and-swap. So no thread can die holding a lock here: a record that was not published only
 * wastes its bytes. After R. K. Treiber, "Systems Programming: Coping with Parallelism" (1986).
 */
export class Directory {
  readonly #region: Region;
  readonly #what: string;

  /** The directory of a memory, which errors call `what`. */
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
    if (used > size || used % LINE !== 0) throw this.#damaged(`it uses ${used} of ${size} bytes`);
    let next = atomics.load32(base + HEADER.newest) >>> 0;
    for (let steps = 0; next !== 0; steps++) {
      if (steps * 2 * LINE > size) throw this.#damaged("its list is a circle");
      const record = next - 1;
      // Other threads may add records meanwhile, so the limit is read again.
      const end = atomics.load32(base + HEADER.used) >>> 0;
      if (record % LINE !== 0 || record + LINE > end || end > size) {
        throw this.#damaged(`its list leads to byte ${record}`);
      }
      yield this.#read(record, end);
      next = atomics.load32(this.#region.resolve(record, LINE, LINE) + RECORD.next) >>> 0;
    }
  }

  /** The entry of a name, if there is one. */
  find(name: string): Entry | undefined {
    for (const entry of this.entries()) if (entry.name === name) return entry;
    return undefined;
  }

  /**
   * The entry of a name; creates a missing one.
   *
   * @throws {TypeError} If the name is that of another kind of thing, or not a string of 1 to 64
   * bytes of UTF-8 without NUL.
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
      // Another thread may have added the same name since.
      const twin = this.find(name);
      if (twin !== undefined) {
        this.#free(record, length);
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
        `Cannot use ${nameOf(name)} as a name in ${this.#what}: it must be a string of 1 to ` +
          `${MOST_NAME} bytes, without NUL or a lone surrogate`,
      );
    }
    return bytes;
  }

  #same(entry: Entry, shape: string): Entry {
    if (entry.shape === shape) return entry;
    throw new TypeError(
      `Cannot open "${entry.name}" in ${this.#what} as ${shape}: its kind is ${entry.shape}`,
    );
  }

  #allocate(name: string, length: number): number {
    const { atomics, base, size } = this.#region;
    for (;;) {
      const used = atomics.load32(base + HEADER.used) >>> 0;
      if (used > size || used % LINE !== 0) throw this.#damaged(`it uses ${used} of ${size} bytes`);
      if (used + length > size) {
        throw new RangeError(
          `Cannot make "${name}" in ${this.#what}: it takes ${length} bytes, and ` +
            `${size - used} of ${size} are left. Make it with a greater size`,
        );
      }
      if (atomics.compareExchange32(base + HEADER.used, used, used + length) === used) return used;
    }
  }

  /** Frees the bytes of a record that was not published, unless others were allocated after it. */
  #free(record: number, length: number): void {
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
    // Copied first, so that a process that writes to the record cannot change it after the checks.
    const at = this.#region.resolve(record, LINE, LINE);
    const bytes = new Uint8Array(this.#region.buffer, at, LINE).slice();
    const view = new DataView(bytes.buffer);
    if (view.getUint32(RECORD.checksum, true) !== checksum(bytes.subarray(RECORD.size))) {
      throw this.#damaged(`the checksum of the record at byte ${record} does not match`);
    }
    const name = view.getUint16(RECORD.name, true);
    const shape = view.getUint16(RECORD.shape, true);
    const size = view.getUint32(RECORD.size, true);
    if (name > MOST_NAME || shape > MOST_SHAPE || record + LINE + size > end) {
      throw this.#damaged(`the record at byte ${record} is longer than the bytes in use`);
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
