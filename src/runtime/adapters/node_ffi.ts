import type nodeProcess from "node:process";
import type { NodeCalls } from "./node_calls.ts";
import type { CFunctions, CSignature } from "./port.ts";

type Native = (...args: unknown[]) => number | bigint;

/** The part of `node:ffi` that is used here; the types of older versions lack it. */
interface NodeFFI {
  dlopen(
    name: string,
    definitions: Record<string, { arguments: string[]; return: string }>,
  ): { functions: Record<string, Native> };
  getRawPointer(source: ArrayBufferLike | ArrayBufferView): bigint;
  toArrayBuffer(address: bigint, size: number, copy: boolean): ArrayBuffer;
}

const NATIVE = { i32: "i32", u32: "u32", i64: "i64", pointer: "pointer", bytes: "buffer" } as const;

/** Node takes and returns bigint for 64-bit types; the port promises numbers. */
function narrow(native: Native, { parameters, result }: CSignature): Native {
  const wide = parameters.map((type) => type === "i64" || type === "pointer");
  const wideResult = result === "i64" || result === "pointer";
  if (!wideResult && !wide.includes(true)) return native;
  const widen = (i: number, value: unknown) => wide[i] ? BigInt(value as number) : value;
  switch (wide.length) { // Of fixed length: a spread costs as much as the system call.
    case 3:
      return (a, b, c) => Number(native(widen(0, a), widen(1, b), widen(2, c)));
    case 4:
      return (a, b, c, d) => Number(native(widen(0, a), widen(1, b), widen(2, c), widen(3, d)));
    case 5:
      return (a, b, c, d, e) =>
        Number(native(widen(0, a), widen(1, b), widen(2, c), widen(3, d), widen(4, e)));
    default:
      return (...args) => Number(native(...args.map((value, i) => widen(i, value))));
  }
}

/**
 * Loads `node:ffi` without the warning that it is experimental, which each thread of each program
 * would print. The load is synchronous, so no other code's warning can come in between.
 */
function loadQuietly(process: typeof nodeProcess): NodeFFI | undefined {
  const { emitWarning } = process;
  process.emitWarning = (warning: string | Error, ...rest: unknown[]) => {
    if (rest[0] === "ExperimentalWarning") return;
    Reflect.apply(emitWarning, process, [warning, ...rest]);
  };
  try {
    // SAFETY: `node:ffi` has the functions of {@linkcode NodeFFI} since Node 26.10.
    return process.getBuiltinModule("node:ffi") as unknown as NodeFFI | undefined;
  } finally {
    process.emitWarning = emitWarning;
  }
}

/** Calls of C with `node:ffi`; `undefined` if this Node lacks it, as all before 26 do. */
export function nodeFfi(process: typeof nodeProcess): NodeCalls | undefined {
  const ffi = loadQuietly(process);
  return ffi && {
    bind(signatures, library) {
      const entries = Object.entries(signatures);
      const definitions = entries.map(([name, { parameters, result }]) => [
        name,
        { arguments: parameters.map((type) => NATIVE[type]), return: NATIVE[result] },
      ]);
      // SAFETY: a definition must be that of the C function; Node checks neither types nor lengths.
      const { functions } = ffi.dlopen(library, Object.fromEntries(definitions));
      return Object.fromEntries(
        entries.map(([name, signature]) => [name, narrow(functions[name], signature)]),
      ) as CFunctions<typeof signatures>;
    },
    // SAFETY: see the port: the caller keeps `bytes` alive and passes memory that does not move.
    addressOf: (bytes) => Number(ffi.getRawPointer(bytes.buffer)) + bytes.byteOffset,
    // SAFETY: see the port: the memory stays mapped as long as the buffer is used.
    bufferAt: (address, size) => ffi.toArrayBuffer(BigInt(address), size, false),
  };
}
