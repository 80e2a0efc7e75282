import type { Fields, RecordValue } from "./record.ts";
import { SharedRecord } from "./shared_record.ts";

/** How often a reader looks again before it keeps the writers out. */
const TRIES = 64;

/**
 * A record in shared memory whose readers take no lock: for what is read often and written seldom.
 * Writers have a lock among themselves; a reader copies the record and looks whether its version
 * is still the one that it was, and else begins anew.
 *
 * It is a seqlock with a latch: writers make the copy that nobody reads. So a reader never waits
 * for a writer in the midst of a write, be it slow, stopped or dead, but only begins anew after a
 * write that was finished meanwhile. One that had to do so 64 times takes the lock of the writers
 * for once, and so comes to an end. A writer that is killed leaves the record whole, for the
 * readers there is nothing to recover, and the next writer takes its lock over.
 *
 * All words are read and written by sequentially consistent atomic operations, so no order has to
 * be argued for: H.-J. Boehm, "Can seqlocks get along with programming language memory models?"
 * (2012). A reader could only be deceived by a multiple of 2^32 writes during a single read.
 *
 * @example
 * ```ts
 * import { defineRecord, Memory, SeqlockRecord } from "@interlock/interlock";
 *
 * const Load = defineRecord({ one: "Float32", five: "Float32", at: "Float64" });
 * const load = new SeqlockRecord(Memory.anonymous(SeqlockRecord.bytes(Load)), 0, Load);
 * load.write({ one: 0.5, five: 0.25, at: Date.now() });
 * const { one, five } = load.read(); // Of one moment, and no lock was taken.
 * ```
 */
export class SeqlockRecord<F extends Fields> extends SharedRecord<F> {
  /**
   * The record now, as a plain object that nobody shares.
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
