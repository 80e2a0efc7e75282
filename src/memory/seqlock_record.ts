import type { Fields, RecordValue } from "./record.ts";
import { SharedRecord } from "./shared_record.ts";

/** How often a reader tries before it takes the lock. */
const TRIES = 64;

/**
 * A record in shared memory whose readers take no lock, for records that are read often and written
 * seldom. Writers exclude each other by a lock. A reader copies the record, and starts again if the
 * version has changed meanwhile.
 *
 * It is a seqlock with a latch: writers fill the copy that is not being read. So a reader never
 * waits for a writer, even one that is slow, stopped or dead; it only starts again after a write
 * that was completed meanwhile. After 64 tries, a reader takes the lock of the writers, so that its
 * read ends. A writer that is killed leaves the record whole, and the next writer takes the lock
 * over.
 *
 * All words are read and written by sequentially consistent atomic operations, so the order of the
 * accesses needs no other argument: H.-J. Boehm, "Can seqlocks get along with programming language
 * memory models?" (2012). Only a multiple of 2^32 writes during one read could deceive a reader.
 *
 * @example
 * ```ts
 * import { defineRecord, Memory, SeqlockRecord } from "@interlock/interlock";
 *
 * const Load = defineRecord({ one: "Float32", five: "Float32", at: "Float64" });
 * const load = new SeqlockRecord(Memory.anonymous(SeqlockRecord.bytes(Load)), 0, Load);
 * load.write({ one: 0.5, five: 0.25, at: Date.now() });
 * const { one, five } = load.read(); // from one moment, without a lock
 * ```
 */
export class SeqlockRecord<F extends Fields> extends SharedRecord<F> {
  /**
   * Reads the record: returns a plain object, a copy.
   *
   * @throws {SegmentFormatError} If it is damaged.
   */
  override read(): RecordValue<F> {
    for (let i = 0; i < TRIES; i++) {
      const value = this.raw.tryRead();
      if (value !== undefined) return value;
    }
    return super.read();
  }
}
