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
 * | 4      | 4     | state: 0 in use, 1 if the name was removed                   |
 * | 8      | 4     | checksum of all that follows                                 |
 * | 12     | 4     | size of the thing, in bytes                                  |
 * | 16     | 2     | length of the name                                           |
 * | 18     | 2     | length of the shape                                          |
 * | 20     |       | the name, then the shape                                     |
 */
const RECORD = { next: 0, state: 4, checksum: 8, size: 12, name: 16, shape: 18, text: 20 } as const;
const STATE = { used: 0, removed: 1 } as const;
const LINE = 128;

const encoder = new TextEncoder();
// Decoding must never make two names equal, or change one: a byte order mark is part of a name.
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The record that is being read: a copy, so that a process that writes to it changes nothing. */
const copy = new Uint8Array(LINE);
const view = new DataView(copy.buffer);
const checked = copy.subarray(RECORD.size);
const text = copy.subarray(RECORD.text);

/** The texts of the copied record, by their lengths in bytes. */
function textsOf(name: number, shape: number): Pick<Entry, "name" | "shape"> {
  const both = decoder.decode(text.subarray(0, name + shape));
  // One character for each byte: they are ASCII.
  if (both.length === name + shape) return { name: both.slice(0, name), shape: both.slice(name) };
  return {
    name: decoder.decode(text.subarray(0, name)),
    shape: decoder.decode(text.subarray(name, name + shape)),
  };
}

/** What an entry is found by: its name, or the shape of one that has the empty name. */
const keyOf = (name: string, shape: string) => name === "" ? `\0${shape}` : name;

/** A named thing in a memory. */
export interface Entry {
  readonly name: string;
  /** Its kind, with all that must be the same for all users, such as `array Int32 10`. */
  readonly shape: string;
  /** Its offset, for `Region.resolve`. */
  readonly offset: number;
  readonly size: number;
  /** The offset of its record. */
  readonly record: number;
  /** Whether the name was removed: it can be given again, to another thing. */
  readonly removed: boolean;
}

/** The memory of a directory, which may become longer. */
export interface DirectoryMemory {
  /** Its longest mapping. */
  readonly region: Region;
  /** Maps the memory in its present length, if it has become longer. */
  follow?(): void;
  /** Makes the memory longer, so that `size` bytes can be used; false if it must not. */
  grow?(size: number): boolean;
}

/**
 * The named things in a memory. Records are only added, at the head of a list, by one
 * compare-and-swap. So no thread can die holding a lock here: a record that was not published only
 * wastes its bytes. So does one whose name was removed, since others may still use the thing. After
 * R. K. Treiber, "Systems Programming: Coping with Parallelism" (1986).
 */
export class Directory {
  readonly #memory: DirectoryMemory;
  readonly #what: string;
  /** The newest entry of each key, as far as they were read: all but their state is constant. */
  readonly #known = new Map<string, Entry>();
  /** The newest record that was read. */
  #newest: number | undefined;

  /** The directory of a memory, which errors call `what`. */
  constructor(memory: DirectoryMemory, what: string) {
    this.#memory = memory;
    this.#what = what;
  }

  get #region(): Region {
    return this.#memory.region;
  }

  /** The bytes in use, all of which are mapped now. */
  #used(): number {
    const { atomics, base, size } = this.#region;
    const used = atomics.load32(base + HEADER.used) >>> 0;
    if (used > size) this.#memory.follow?.();
    const mapped = this.#region.size;
    if (used <= mapped && used % LINE === 0) return used;
    throw this.#damaged(`it uses ${used} of ${mapped} bytes`);
  }

  /**
   * All entries, the newest first, without those whose name was removed.
   *
   * @throws {SegmentFormatError} If the directory is damaged.
   */
  *entries(): Generator<Entry> {
    for (const entry of this.records()) if (!entry.removed) yield entry;
  }

  /**
   * All entries, the newest first.
   *
   * @throws {SegmentFormatError} If the directory is damaged.
   */
  *records(): Generator<Entry> {
    let end = this.#used();
    let next = this.#region.atomics.load32(this.#region.base + HEADER.newest) >>> 0;
    for (let steps = 0; next !== 0; steps++) {
      // Other threads may add records meanwhile, so the limit is read again.
      end = this.#used();
      if (steps * 2 * LINE > end) throw this.#damaged("its list is a circle");
      const record = next - 1;
      if (record % LINE !== 0 || record + LINE > end) {
        throw this.#damaged(`its list leads to byte ${record}`);
      }
      yield this.#read(record, end);
      next = this.#region.atomics.load32(this.#at(record) + RECORD.next) >>> 0;
    }
  }

  #at(record: number): number {
    return this.#region.resolve(record, LINE, LINE);
  }

  /**
   * Whether the name of a record, which was read before, has been removed since.
   *
   * @throws {SegmentFormatError} If its state is damaged.
   */
  isRemoved(record: number): boolean {
    return this.#isRemoved(record, this.#region.atomics.load32(this.#at(record) + RECORD.state));
  }

  #isRemoved(record: number, state: number): boolean {
    if (state === STATE.used) return false;
    if (state === STATE.removed) return true;
    throw this.#damaged(`the record at byte ${record} has state ${state >>> 0}`);
  }

  /** Removes the name of a record; false if another thread has done so. The thing stays. */
  remove(record: number): boolean {
    const at = this.#at(record) + RECORD.state;
    const { atomics } = this.#region;
    return atomics.compareExchange32(at, STATE.used, STATE.removed) === STATE.used;
  }

  /**
   * The entry of a name, if there is one.
   *
   * @throws {TypeError} If it is not a string of 1 to 64 bytes of UTF-8 without NUL.
   * @throws {SegmentFormatError} If the directory is damaged.
   */
  find(name: string): Entry | undefined {
    this.#nameBytes(name);
    return this.#find(name);
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
    return this.#obtain(name, this.#nameBytes(name), shape, size);
  }

  /**
   * The entry of a kind that exists once, and has the empty name, which no program can give; creates
   * a missing one.
   *
   * @throws {RangeError} If there is no room for it.
   * @throws {SegmentFormatError} If the directory is damaged.
   */
  obtainUnnamed(shape: string, size: number): Entry {
    return this.#obtain("", new Uint8Array(), shape, size);
  }

  #find(key: string): Entry | undefined {
    this.#readNew();
    const entry = this.#known.get(key);
    return entry === undefined || this.isRemoved(entry.record) ? undefined : entry;
  }

  /** Reads the entries that were added since the last time, since to read all takes long. */
  #readNew(): void {
    const added: Entry[] = [];
    for (const entry of this.records()) {
      if (entry.record === this.#newest) break;
      added.push(entry);
    }
    for (const entry of added.reverse()) this.#known.set(keyOf(entry.name, entry.shape), entry);
    this.#newest = added.at(-1)?.record ?? this.#newest;
  }

  #obtain(name: string, bytes: Uint8Array, shape: string, size: number): Entry {
    const key = keyOf(name, shape);
    const known = this.#find(key);
    if (known !== undefined) return this.#same(known, shape);

    const length = LINE + Math.ceil(size / LINE) * LINE;
    const record = this.#allocate(name, length);
    this.#write(record, bytes, encoder.encode(shape), size);
    for (;;) {
      const { atomics, base } = this.#region;
      const newest = atomics.load32(base + HEADER.newest);
      // Another thread may have added the same name since.
      const twin = this.#find(key);
      if (twin !== undefined) {
        this.#free(record, length);
        return this.#same(twin, shape);
      }
      atomics.store32(this.#at(record) + RECORD.next, newest);
      if (atomics.compareExchange32(base + HEADER.newest, newest, record + 1) === newest) {
        return { name, shape, offset: record + LINE, size, record, removed: false };
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
      `Cannot open ${
        JSON.stringify(entry.name)
      } in ${this.#what} as ${shape}: its kind is ${entry.shape}`,
    );
  }

  #allocate(name: string, length: number): number {
    for (;;) {
      const used = this.#used();
      if (used + length > this.#region.size) {
        this.#memory.follow?.();
        if (used + length > this.#region.size) this.#grow(name, used, length);
        continue;
      }
      const { atomics, base } = this.#region;
      if (atomics.compareExchange32(base + HEADER.used, used, used + length) === used) return used;
    }
  }

  #grow(name: string, used: number, length: number): void {
    if (this.#memory.grow?.(used + length)) return;
    const { size } = this.#region;
    throw new RangeError(
      `Cannot make ${JSON.stringify(name)} in ${this.#what}: it takes ${length} bytes, and ` +
        `${size - used} of ${size} are left. Give it a greater size or maxSize`,
    );
  }

  /** Frees the bytes of a record that was not published, unless others were allocated after it. */
  #free(record: number, length: number): void {
    const { atomics, base } = this.#region;
    new Uint8Array(this.#region.buffer, this.#at(record), LINE).fill(0);
    atomics.compareExchange32(base + HEADER.used, record + length, record);
  }

  #write(record: number, name: Uint8Array, shape: Uint8Array, size: number): void {
    if (shape.length > MOST_SHAPE) {
      throw new TypeError(`Cannot describe a shape of ${shape.length} bytes`);
    }
    const at = this.#at(record);
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
    copy.set(new Uint8Array(this.#region.buffer, this.#at(record), LINE));
    if (view.getUint32(RECORD.checksum, true) !== checksum(checked)) {
      throw this.#damaged(`the checksum of the record at byte ${record} does not match`);
    }
    const name = view.getUint16(RECORD.name, true);
    const shape = view.getUint16(RECORD.shape, true);
    const size = view.getUint32(RECORD.size, true);
    if (name > MOST_NAME || shape > MOST_SHAPE || record + LINE + size > end) {
      throw this.#damaged(`the record at byte ${record} is longer than the bytes in use`);
    }
    const removed = this.#isRemoved(record, view.getUint32(RECORD.state, true));
    try {
      return { ...textsOf(name, shape), offset: record + LINE, size, record, removed };
    } catch {
      throw this.#damaged(`the name at byte ${record} is not UTF-8`);
    }
  }

  #damaged(flaw: string): SegmentFormatError {
    return new SegmentFormatError(`Cannot read the directory of ${this.#what}: ${flaw}`);
  }
}
