import type { AtomicOperations } from "./atomic_operations.ts";
import { WASM } from "./atomics_wasm.ts";

let compiled: WebAssembly.Module | undefined;

/** One instance for each memory: with more, V8's call sites would see many functions. */
const instances = new WeakMap<WebAssembly.Memory, AtomicOperations>();

/** The operations as WebAssembly, which V8 compiles to single instructions. */
export function atomicsOnWasm(memory: WebAssembly.Memory): AtomicOperations {
  const known = instances.get(memory);
  if (known !== undefined) return known;
  compiled ??= new WebAssembly.Module(Uint8Array.from(atob(WASM), (char) => char.charCodeAt(0)));
  const { exports } = new WebAssembly.Instance(compiled, { interlock: { memory } });
  // SAFETY: atomics.wat exports each function of the interface, with its parameters and result.
  const atomics = exports as unknown as AtomicOperations;
  instances.set(memory, atomics);
  return atomics;
}
