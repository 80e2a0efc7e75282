import type { Atomic } from "./atomics.ts";

const WAITERS = 0x80000000 | 0;
const TWO_32 = 2 ** 32;
const MAX = BigInt(Number.MAX_SAFE_INTEGER);

/**
 * The operations by JavaScript's `Atomics`, which JavaScriptCore inlines: the twin of atomics.wat.
 *
 * A 64-bit `Atomics.add` makes a BigInt and costs about ten times a 32-bit one here, so `add64`
 * adds to the low word alone as long as that is half its range away from the carry.
 */
export function atomicsOnArrays(buffer: ArrayBufferLike): Atomic {
  const bytes = new Uint8Array(buffer);
  const words = new Int32Array(buffer);
  const longs = new BigInt64Array(buffer);

  /** Right everywhere, slow: compare-and-swap of the whole number. */
  function addWhole(at: number, n: number): number {
    const add = BigInt(n);
    for (;;) {
      const old = Atomics.load(longs, at >> 3);
      const sum = old + add;
      if (sum > MAX || sum < -MAX) return NaN;
      if (Atomics.compareExchange(longs, at >> 3, old, sum) === old) return Number(old);
    }
  }

  return {
    load8: (at) => Atomics.load(bytes, at),
    store8: (at, value) => void Atomics.store(bytes, at, value),
    load32: (at) => Atomics.load(words, at >> 2),
    store32: (at, value) => void Atomics.store(words, at >> 2, value),
    add32: (at, n) => Atomics.add(words, at >> 2, n),
    compareExchange32: (at, expected, value) =>
      Atomics.compareExchange(words, at >> 2, expected, value),
    load64: (at) => Number(Atomics.load(longs, at >> 3)),

    add64(at, n) {
      const low = at >> 2;
      const high = Atomics.load(words, low + 1);
      // The low half of [0, 2^31) is free of carries and borrows for steps of up to 2^30, as
      // long as fewer than 2^30 are added between this look and the add.
      const look = Atomics.load(words, low);
      if (n < 0 || n > 0x3fffffff || look < 0 || (high + 0x100000) >>> 0 >= 0x200000) {
        return addWhole(at, n);
      }
      const old = Atomics.add(words, low, n) >>> 0;
      if (old + n >= TWO_32) {
        // This thread slept while the others added 2^31 and more: the carry is still to be made.
        Atomics.add(longs, at >> 3, BigInt(TWO_32));
        return Number(Atomics.load(longs, at >> 3) >> 32n) * TWO_32 + old - TWO_32;
      }
      return high * TWO_32 + old;
    },

    tryLock(at, me, spins) {
      const word = at >> 2;
      if (Atomics.compareExchange(words, word, 0, me) === 0) return 1;
      for (let i = 0; i < spins; i++) {
        if (
          Atomics.load(words, word) === 0 && Atomics.compareExchange(words, word, 0, me) === 0
        ) return 1;
      }
      return 0;
    },
    unlock(at, me) {
      const word = at >> 2;
      const old = Atomics.compareExchange(words, word, me, 0);
      if (old === me) return 0;
      if (old !== (me | WAITERS)) return 2;
      Atomics.store(words, word, 0);
      return 1;
    },
  };
}
