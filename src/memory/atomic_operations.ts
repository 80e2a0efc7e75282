/**
 * The atomic operations on one memory, all sequentially consistent. `at` is a byte offset into its
 * buffer, aligned to the operand. The operations do not check it: the callers do so once, when they
 * are constructed.
 */
export interface AtomicOperations {
  load8(at: number): number;
  store8(at: number, value: number): void;
  load16(at: number): number;
  store16(at: number, value: number): void;
  load32(at: number): number;
  store32(at: number, value: number): void;
  /** Stores `value`, then loads another word: a thread tells of itself, then looks. */
  storeThenLoad32(at: number, value: number, other: number): number;
  /** Adds, wraps, and returns the value before. */
  add32(at: number, n: number): number;
  /** Stores `value` if the word is `expected`; returns the value before. */
  compareExchange32(at: number, expected: number, value: number): number;
  /**
   * Frees a word that holds `me`, then looks for waiters: returns the bits about them of another word,
   * as 0 to 7; see wait_word.ts. Returns -1, and changes nothing, if the word does not hold `me`.
   */
  release32(at: number, me: number, other: number): number;
  loadFloat32(at: number): number;
  storeFloat32(at: number, value: number): void;
  loadFloat64(at: number): number;
  storeFloat64(at: number, value: number): void;
  /** The same, but perhaps in two halves: for a word that is under a lock or has a version. */
  loadHalves64(at: number): number;
  /** The same for a store. */
  storeHalves64(at: number, value: number): void;
  loadBigInt64(at: number): bigint;
  storeBigInt64(at: number, value: bigint): void;
  /** Loads a 64-bit integer as a number, exact within 2^53. */
  load64(at: number): number;
  /**
   * Adds a 32-bit integer and returns 1; or 0, with the value unchanged, if the sum is beyond 2^53.
   */
  add64(at: number, n: number): number;
  /** Adds a 32-bit integer and returns the value before; or NaN if the sum is beyond 2^53. */
  fetchAdd64(at: number, n: number): number;
  /** The same for any whole number within 2^53. */
  fetchAddFar64(at: number, n: number): number;
  /** Stores a whole number within 2^53 and returns the value before. */
  exchange64(at: number, value: number): number;
  /** Stores `value` if the word is `expected`; returns the value before. */
  compareExchange64(at: number, expected: number, value: number): number;
  /** Stores the lesser of the value and `n`, within 2^53, and returns the value before. */
  min64(at: number, n: number): number;
  /** Stores the greater of the value and `n`, within 2^53, and returns the value before. */
  max64(at: number, n: number): number;
  /**
   * Copies `count` 64-bit words that no other thread writes, each by atomic loads, and by an atomic
   * store if the words differ.
   */
  copy64(from: number, to: number, count: number): void;
  /** Counts up a number that only the holder of a lock changes, and returns it. */
  next64(at: number): number;
  /**
   * Acquires a free mutex word for `me`, with up to `spins` more looks. Returns 0 if it was not
   * acquired, 1 if it was, and 2 if it was and the word after it is not 0.
   */
  tryLock(at: number, me: number, spins: number): number;
  /**
   * Releases a mutex word, or hands it to the waiter that asks for that; see hand_off.ts. Returns 0
   * if no other thread waits; bits 30 and 31, as 1 to 3, if others wait, plus 4 if the waiter at the
   * heir's word must be woken; -1 if the word is not held by `me`.
   */
  unlock(at: number, me: number): number;
  /**
   * One step on the 32-bit integer at `at` under a mutex word: loads it, stores `n`, or adds `n`
   * (see {@linkcode LOCKED}). Returns the integer, plus 2^32 if it has not released the word, since
   * others wait. If it has not done it, returns NaN, or Infinity if it has not released the word:
   * the word was not free, an owner has died, or the sum has more than 32 bits.
   */
  locked32(word: number, me: number, at: number, what: number, n: number): number;
}

/** The steps of {@linkcode AtomicOperations.locked32}. */
export const LOCKED = { load: 0, store: 1, add: 2 } as const;
