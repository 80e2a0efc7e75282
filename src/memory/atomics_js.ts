import { type AtomicOperations, LOCKED } from "./atomic_operations.ts";

const OWNER = 0x3fffffff;
const MAX = BigInt(Number.MAX_SAFE_INTEGER);
/** The high half of 2^52. */
const EDGE = 2 ** 20;
const TWO_32 = 2 ** 32;
const ONE = 1n;
/** Compare-and-swaps before an add with a BigInt, which always succeeds. */
const TRIES = 4;
/** As in atomics.wat and mutex.ts. */
const SPINS = 20;
/** From the word of a mutex to that of its heir, in words; and bits as in hand_off.ts and mutex_word.ts. */
const [HEIR, HANDED, HEIR_WAITS] = [5, 0x80000000 | 0, 4];

/** To convert the bits of floating-point numbers: `Atomics` takes only integers. */
const scratch = new ArrayBuffer(8);
const scratchInt = new Int32Array(scratch);
const scratchLong = new BigInt64Array(scratch);
const scratchFloat = new Float32Array(scratch);
const scratchDouble = new Float64Array(scratch);

/**
 * The operations by JavaScript's `Atomics`, which JavaScriptCore inlines: the twin of atomics.wat.
 *
 * A 64-bit `Atomics.add` makes a BigInt here, and costs ten times as much as a 32-bit one. An add
 * that does not return the value before avoids it, unless there is a carry: a compare-and-swap of
 * the low word is then the whole 64-bit step, whatever the high word is at that moment. To return
 * the value before, it would have to read the high word, which may change at any time.
 *
 * This is a class, so that call sites see the same functions for all memories. Its fields are not
 * `#private`, since the engine does not always inline those.
 */
class ArrayAtomics implements AtomicOperations {
  private readonly bytes: Uint8Array;
  private readonly halves: Uint16Array;
  private readonly words: Int32Array;
  private readonly longs: BigInt64Array;
  /** Where this thread added last, and what it left in the low word, as in atomics.wat. */
  private lastWord = -1;
  private lastLow = 0;

  constructor(buffer: ArrayBufferLike) {
    this.bytes = new Uint8Array(buffer);
    this.halves = new Uint16Array(buffer);
    this.words = new Int32Array(buffer);
    this.longs = new BigInt64Array(buffer);
  }

  load8(at: number): number {
    return Atomics.load(this.bytes, at);
  }
  store8(at: number, value: number): void {
    Atomics.store(this.bytes, at, value);
  }
  load16(at: number): number {
    return Atomics.load(this.halves, at >> 1);
  }
  store16(at: number, value: number): void {
    Atomics.store(this.halves, at >> 1, value);
  }
  load32(at: number): number {
    return Atomics.load(this.words, at >> 2);
  }
  store32(at: number, value: number): void {
    Atomics.store(this.words, at >> 2, value);
  }
  storeThenLoad32(at: number, value: number, other: number): number {
    const words = this.words;
    Atomics.store(words, at >> 2, value);
    return Atomics.load(words, other >> 2);
  }
  add32(at: number, n: number): number {
    return Atomics.add(this.words, at >> 2, n);
  }
  compareExchange32(at: number, expected: number, value: number): number {
    return Atomics.compareExchange(this.words, at >> 2, expected, value);
  }
  release32(at: number, me: number, other: number): number {
    const words = this.words;
    if (Atomics.compareExchange(words, at >> 2, me, 0) !== me) return -1;
    return Atomics.load(words, other >> 2) >>> 29;
  }

  loadFloat32(at: number): number {
    scratchInt[0] = Atomics.load(this.words, at >> 2);
    return scratchFloat[0];
  }
  storeFloat32(at: number, value: number): void {
    scratchFloat[0] = value;
    Atomics.store(this.words, at >> 2, scratchInt[0]);
  }
  loadFloat64(at: number): number {
    scratchLong[0] = Atomics.load(this.longs, at >> 3);
    return scratchDouble[0];
  }
  storeFloat64(at: number, value: number): void {
    scratchDouble[0] = value;
    Atomics.store(this.longs, at >> 3, scratchLong[0]);
  }
  loadHalves64(at: number): number {
    const words = this.words;
    scratchInt[0] = Atomics.load(words, at >> 2);
    scratchInt[1] = Atomics.load(words, (at >> 2) + 1);
    return scratchDouble[0];
  }
  storeHalves64(at: number, value: number): void {
    const words = this.words;
    scratchDouble[0] = value;
    Atomics.store(words, at >> 2, scratchInt[0]);
    Atomics.store(words, (at >> 2) + 1, scratchInt[1]);
  }
  loadBigInt64(at: number): bigint {
    return Atomics.load(this.longs, at >> 3);
  }
  storeBigInt64(at: number, value: bigint): void {
    Atomics.store(this.longs, at >> 3, value);
  }

  load64(at: number): number {
    return Number(Atomics.load(this.longs, at >> 3));
  }
  add64(at: number, n: number): number {
    const words = this.words;
    const word = at >> 2;
    if (n >= 0) {
      let low = word === this.lastWord ? this.lastLow : Atomics.load(words, word);
      for (let i = 0; i < TRIES; i++) {
        const sum = (low + n) | 0;
        // Without a carry, the sum is within 2^53 as well: 2^53 is a multiple of 2^32.
        if (low < 0 && sum >= 0) break;
        const found = Atomics.compareExchange(words, word, low, sum);
        if (found === low) {
          this.lastWord = word;
          this.lastLow = sum;
          return 1;
        }
        low = found;
      }
    }
    return Number.isNaN(this.fetchAdd64(at, n)) ? 0 : 1;
  }
  fetchAdd64(at: number, n: number): number {
    // Below 2^52, as in atomics.wat.
    const high = Atomics.load(this.words, (at >> 2) + 1);
    if (high < -EDGE || high >= EDGE) return this.fetchAddFar64(at, n);
    return Number(Atomics.add(this.longs, at >> 3, n === 1 ? ONE : BigInt(n)));
  }
  fetchAddFar64(at: number, n: number): number {
    const longs = this.longs;
    const add = BigInt(n);
    for (;;) {
      const old = Atomics.load(longs, at >> 3);
      const sum = old + add;
      if (sum > MAX || sum < -MAX) return NaN;
      if (Atomics.compareExchange(longs, at >> 3, old, sum) === old) return Number(old);
    }
  }
  exchange64(at: number, value: number): number {
    return Number(Atomics.exchange(this.longs, at >> 3, BigInt(value)));
  }
  compareExchange64(at: number, expected: number, value: number): number {
    return Number(
      Atomics.compareExchange(this.longs, at >> 3, BigInt(expected), BigInt(value)),
    );
  }
  min64(at: number, n: number): number {
    return this.extreme64(at, n, -1);
  }
  max64(at: number, n: number): number {
    return this.extreme64(at, n, 1);
  }

  copy64(from: number, to: number, count: number): void {
    const words = this.words;
    const ahead = (to - from) >> 2;
    const end = (from >> 2) + 2 * count;
    for (let word = from >> 2; word < end; word++) {
      const value = Atomics.load(words, word);
      if (Atomics.load(words, word + ahead) !== value) Atomics.store(words, word + ahead, value);
    }
  }
  next64(at: number): number {
    const words = this.words;
    const word = at >> 2;
    const low = (Atomics.load(words, word) + 1) | 0;
    let high = Atomics.load(words, word + 1);
    // The high half first: a death between the two leaves a gap, and repeats no number.
    if (low === 0) Atomics.store(words, word + 1, ++high);
    Atomics.store(words, word, low);
    return high * TWO_32 + (low >>> 0);
  }
  tryLock(at: number, me: number, spins: number): number {
    const words = this.words;
    const word = at >> 2;
    if (Atomics.compareExchange(words, word, 0, me) === 0) return this.taken(word);
    for (let i = 0; i < spins; i++) {
      if (
        Atomics.load(words, word) === 0 && Atomics.compareExchange(words, word, 0, me) === 0
      ) return this.taken(word);
    }
    return 0;
  }
  unlock(at: number, me: number): number {
    const words = this.words;
    const word = at >> 2;
    const old = Atomics.compareExchange(words, word, me, 0);
    return old === me ? 0 : this.unlockMarked(word, me, old);
  }

  locked32(word: number, me: number, at: number, what: number, n: number): number {
    const words = this.words;
    const acquired = this.tryLock(word, me, SPINS);
    if (acquired === 0) return NaN;
    let sum = Infinity; // Not done.
    if (acquired === 1) {
      sum = (what === LOCKED.store ? 0 : words[at >> 2]) + (what === LOCKED.load ? 0 : n);
      if ((sum | 0) !== sum) sum = Infinity;
      else if (what !== LOCKED.load) words[at >> 2] = sum;
    }
    if (Atomics.compareExchange(words, word >> 2, me, 0) !== me) return sum + TWO_32;
    return sum === Infinity ? NaN : sum;
  }

  /**
   * Stores `n` if it is less (`sign` -1) or greater (1) than the value; returns the value before.
   */
  private extreme64(at: number, n: number, sign: number): number {
    const longs = this.longs;
    const wanted = BigInt(n);
    for (;;) {
      const old = Atomics.load(longs, at >> 3);
      if (sign < 0 ? wanted >= old : wanted <= old) return Number(old);
      if (Atomics.compareExchange(longs, at >> 3, old, wanted) === old) return Number(old);
    }
  }
  /** Not a part of `unlock`, which the engine would not inline then. */
  private unlockMarked(word: number, me: number, old: number): number {
    const words = this.words;
    if ((old & OWNER) !== me) return -1;
    const heir = word + HEIR;
    const waiter = Atomics.load(words, heir);
    if (waiter > 0 && Atomics.compareExchange(words, heir, waiter, waiter | HANDED) === waiter) {
      let now = old;
      while ((now & OWNER) === me) {
        const found = Atomics.compareExchange(words, word, now, (now & ~OWNER) | waiter);
        if (found === now) break;
        now = found;
      }
      return HEIR_WAITS;
    }
    const waiting = Atomics.exchange(words, word, 0) >>> 30;
    const late = Atomics.load(words, heir);
    if (late <= 0 || Atomics.compareExchange(words, heir, late, 0) !== late) return waiting;
    return waiting | HEIR_WAITS;
  }
  private taken(word: number): number {
    return Atomics.load(this.words, word + 1) === 0 ? 1 : 2;
  }
}

/** The operations by JavaScript's `Atomics` on a buffer. */
export function atomicsOnArrays(buffer: ArrayBufferLike): AtomicOperations {
  return new ArrayAtomics(buffer);
}
