import { atomicsOnArrays } from "./atomics_js.ts";
import { WASM } from "./atomics_wasm.ts";

/**
 * The atomic operations on one memory, all sequentially consistent. `at` is a byte offset into
 * it, aligned to the operand; nothing checks it, callers do so once when they are made.
 */
export interface Atomic {
  load8(at: number): number;
  store8(at: number, value: number): void;
  load32(at: number): number;
  store32(at: number, value: number): void;
  /** Adds, wraps, and returns the value before. */
  add32(at: number, n: number): number;
  /** Stores `value` where `expected` is found; returns what was found. */
  compareExchange32(at: number, expected: number, value: number): number;
  load64(at: number): number;
  /** Adds a 32-bit integer; 0, with the value unchanged, where the sum is beyond 2^53, else 1. */
  add64(at: number, n: number): number;
  /** The same, and returns the value before, or NaN where the sum is beyond 2^53. */
  fetchAdd64(at: number, n: number): number;
  /** The same for any whole number within 2^53. */
  fetchAddFar64(at: number, n: number): number;
  /** Takes a free mutex word for `me`, looking up to `spins` times more: 1 if taken, else 0. */
  tryLock(at: number, me: number, spins: number): number;
  /** 0 if released, 1 if released and somebody may be asleep, 2 if not held by `me`. */
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
