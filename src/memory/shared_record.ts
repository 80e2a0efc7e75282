import { refuseThenable } from "../contract/refuse_thenable.ts";
import { checkFunction } from "./arguments.ts";
import { type Memory, regionOf } from "./memory.ts";
import { Mutex } from "./mutex.ts";
import { RawRecord } from "./raw_record.ts";
import type { Fields, RecordDescription, RecordValue } from "./record.ts";

/**
 * A record in shared memory with its own lock: each read, each write and each update takes it. A
 * writer that is killed leaves the record as it was before or as it should become; the next one
 * takes the lock over.
 *
 * The lock is not reentrant: code that holds {@linkcode SharedRecord.mutex} must use
 * {@linkcode SharedRecord.raw}. If reads far outnumber writes, use a `SeqlockRecord`.
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
  /** The record without the lock, for code that holds the lock. */
  readonly raw: RawRecord<F>;

  /**
   * The bytes that a record and its lock take.
   *
   * @throws {TypeError} If `defineRecord` did not return `description`.
   */
  static bytes(description: RecordDescription<Fields>): number {
    return Mutex.BYTES + RawRecord.bytes(description);
  }

  /**
   * The record at `offset`, its lock first; it begins with zeros, empty texts and no bytes.
   *
   * @throws {RangeError} If it does not fit, or `offset` is not a multiple of 8.
   * @throws {TypeError} If `defineRecord` did not return `description`, or another argument is of a
   * wrong type.
   */
  constructor(memory: Memory, offset: number, description: RecordDescription<F>) {
    regionOf(memory, "a record").resolve(offset, Mutex.BYTES, 8);
    this.raw = new RawRecord(memory, offset + Mutex.BYTES, description);
    this.mutex = new Mutex(memory, offset);
  }

  /**
   * Reads the record: returns a plain object, a copy.
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
   * Writes some of the fields, in one step; the others stay.
   *
   * @throws {TypeError} If there is no such field, or a value is not of its type.
   * @throws {RangeError} If a value is out of the range of its type, or longer than its field.
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
   * Writes the fields that `change` returns, under the lock.
   *
   * @param change Takes the record and returns the fields to write. Other threads wait meanwhile,
   * so it must be quick, and not async. If it throws, the record stays.
   * @returns The new record.
   * @throws {TypeError} If there is no such field, or a value is not of its type.
   * @throws {RangeError} If a value is out of the range of its type, or longer than its field.
   * @throws {DeadlockError} If this thread holds the lock.
   */
  update(change: (value: RecordValue<F>) => Partial<RecordValue<F>>): RecordValue<F> {
    checkFunction(change, "update a record");
    const { mutex, raw } = this;
    mutex.lock();
    let next: Partial<RecordValue<F>> | undefined;
    try {
      next = change(raw.read());
      return raw.write(next);
    } catch (error) {
      // Only a value that was refused can be a promise; so a good one pays nothing for this.
      refuseThenable(next, "update a record", "withLock with its mutex");
      throw error;
    } finally {
      mutex.unlock();
    }
  }
}
