import { checkFunction } from "./arguments.ts";
import { type Memory, regionOf } from "./memory.ts";
import { Mutex } from "./mutex.ts";
import { RawRecord } from "./raw_record.ts";
import type { Fields, RecordDescription, RecordValue } from "./record.ts";

/**
 * A record in shared memory under a lock of its own: each read, each write and each update is one
 * step. A writer that is killed in one leaves the record as it was before, or as it should become;
 * the next one takes its lock over.
 *
 * The lock is not reentrant: who holds {@linkcode SharedRecord.mutex} uses
 * {@linkcode SharedRecord.raw}. Where there are many more reads than writes, a `SeqlockRecord` is
 * the better one.
 *
 * @example
 * ```ts
 * import { defineRecord, field, Memory, SharedRecord } from "@interlock/interlock";
 *
 * const Point = defineRecord({ x: "Float64", y: "Float64", name: field.text(16) });
 * const memory = Memory.anonymous(SharedRecord.bytes(Point));
 * const point = new SharedRecord(memory, 0, Point);
 * point.write({ x: 1, name: "here" });
 * point.update(({ x }) => ({ x: x + 1 }));
 * console.log(point.read()); // { x: 2, y: 0, name: "here" }
 * ```
 */
export class SharedRecord<F extends Fields> {
  /** The lock of the record. */
  readonly mutex: Mutex;
  /** The record without the lock, for who holds it. */
  readonly raw: RawRecord<F>;

  /**
   * The bytes that one takes up.
   *
   * @throws {TypeError} If `description` is not what `defineRecord` returns.
   */
  static bytes(description: RecordDescription<Fields>): number {
    return Mutex.BYTES + RawRecord.bytes(description);
  }

  /**
   * The record at `offset`, its lock first; it begins with zeros, empty texts and no bytes.
   *
   * @throws {RangeError} If it does not fit, or `offset` is not a multiple of 8.
   * @throws {TypeError} If `description` is not what `defineRecord` returns.
   */
  constructor(memory: Memory, offset: number, description: RecordDescription<F>) {
    regionOf(memory, "a record").resolve(offset, Mutex.BYTES, 8);
    this.raw = new RawRecord(memory, offset + Mutex.BYTES, description);
    this.mutex = new Mutex(memory, offset);
  }

  /**
   * The record now, as a plain object that nobody shares.
   *
   * @throws {DeadlockError} If this thread holds the lock.
   * @throws {SegmentFormatError} If it is damaged.
   */
  read(): RecordValue<F> {
    const { mutex } = this;
    mutex.lock();
    try {
      return this.raw.read();
    } finally {
      mutex.unlock();
    }
  }

  /**
   * Writes some of the fields, all at once; the others stay.
   *
   * @throws {TypeError} If there is no such field, or a value is none of its type.
   * @throws {RangeError} If a value is out of the range of its type, or longer than it may be.
   * @throws {DeadlockError} If this thread holds the lock.
   */
  write(value: Partial<RecordValue<F>>): void {
    const { mutex } = this;
    mutex.lock();
    try {
      this.raw.store(value);
    } finally {
      mutex.unlock();
    }
  }

  /**
   * Writes what `change` makes of the record, as one step under the lock.
   *
   * @param change Is given the record and returns the fields to write, at once: other writers wait
   * meanwhile. Where it throws, the record stays.
   * @returns The record as it is then.
   * @throws {TypeError} If there is no such field, or a value is none of its type.
   * @throws {RangeError} If a value is out of the range of its type, or longer than it may be.
   * @throws {DeadlockError} If this thread holds the lock.
   */
  update(change: (value: RecordValue<F>) => Partial<RecordValue<F>>): RecordValue<F> {
    checkFunction(change, "update a record");
    const { mutex, raw } = this;
    mutex.lock();
    try {
      return raw.write(change(raw.read()));
    } finally {
      mutex.unlock();
    }
  }
}
