import { atomicsOnArrays } from "./atomics_js.ts";
import { WASM } from "./atomics_wasm.ts";

/**
 * The atomic operations on one memory, all sequentially consistent. `at` is a byte offset into
 * it, aligned to the operand; nothing checks it, callers do so once when they are made.
 */
export interface Atomic {
  load8(at: number): number;
  store8(at: number, value: number): void;
  load16(at: number): number;
  store16(at: number, value: number): void;
  load32(at: number): number;
  store32(at: number, value: number): void;
  /** Adds, wraps, and returns the value before. */
  add32(at: number, n: number): number;
  /** Stores `value` where `expected` is found; returns what was found. */
  compareExchange32(at: number, expected: number, value: number): number;
  loadFloat32(at: number): number;
  storeFloat32(at: number, value: number): void;
  loadFloat64(at: number): number;
  storeFloat64(at: number, value: number): void;
  loadBigInt64(at: number): bigint;
  storeBigInt64(at: number, value: bigint): void;
  /** Loads a 64-bit integer as a number, exact within 2^53. */
  load64(at: number): number;
  /** Adds a 32-bit integer; 0, with the value unchanged, where the sum is beyond 2^53, else 1. */
  add64(at: number, n: number): number;
  /** The same, and returns the value before, or NaN where the sum is beyond 2^53. */
  fetchAdd64(at: number, n: number): number;
  /** The same for any whole number within 2^53. */
  fetchAddFar64(at: number, n: number): number;
  /** Stores a whole number within 2^53 and returns the value before. */
  exchange64(at: number, value: number): number;
  /** Stores `value` where `expected` is found; returns what was found. */
  compareExchange64(at: number, expected: number, value: number): number;
  /** Stores the lesser of the value and `n`, within 2^53, and returns the value before. */
  min64(at: number, n: number): number;
  /** Stores the greater of the two and returns the value before. */
  max64(at: number, n: number): number;
  /** The next number of a sequence that only the holder of a lock counts on. */
  next64(at: number): number;
  /**
   * Takes a free mutex word for `me`, looking up to `spins` times more: 0 if not taken, 1 if taken,
   * 2 if taken and the word behind it is not 0.
   */
  tryLock(at: number, me: number, spins: number): number;
  /** 0 if released; bits 30 and 31, as 1 to 3, if somebody waits; -1 if not held by `me`. */
  unlock(at: number, me: number): number;
}

let compiled: WebAssembly.Module | undefined;

/** The operations as WebAssembly, which V8 compiles to the bare instructions. */
export function atomicsOnWasm(memory: WebAssembly.Memory): Atomic {
  compiled ??= new WebAssembly.Module(Uint8Array.from(atob(WASM), (char) => char.charCodeAt(0)));
  const { exports } = new WebAssembly.Instance(compiled, { interlock: { memory } });
  return exports as unknown as Atomic;
}

export { atomicsOnArrays };
