import type { ByteRange } from "./byte_range.ts";

const WORD = 2 ** 32;

/**
 * The byte that a lock of the whole file takes. Locks of Windows are mandatory: an exclusive lock
 * keeps all others from reading. No file is this long, so the record stays readable, and programs
 * that lock all bytes (Deno, Rust, Go) conflict with it.
 */
const FAR = 2 ** 62;
/** The length of a range without an end. A range begins below 2^53. */
const REST = 2 ** 61;

/** The bytes that `LockFileEx` and `UnlockFileEx` take. */
export interface Region {
  /** An `OVERLAPPED` with the offset; the system writes into it. */
  readonly overlapped: Uint8Array;
  readonly lengthLow: number;
  readonly lengthHigh: number;
}

/** The region of a range, or of a whole file; these two never overlap. */
export function regionOf(range: ByteRange | undefined): Region {
  const start = range?.start ?? FAR;
  const length = range === undefined ? 1 : range.length || REST;
  const view = new DataView(new ArrayBuffer(32));
  view.setUint32(16, start % WORD, true);
  view.setUint32(20, Math.floor(start / WORD), true);
  return {
    overlapped: new Uint8Array(view.buffer),
    lengthLow: length % WORD,
    lengthHigh: Math.floor(length / WORD),
  };
}
