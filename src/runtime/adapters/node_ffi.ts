import type nodeProcess from "node:process";
import { LIBC_NAMES, openFirst } from "./libraries.ts";
import type { CAccess, CFunctions, CSignature, CSignatures } from "./port.ts";

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
 * Loads `node:ffi` without its warning that it is experimental, which would be printed by each
 * program and each of its workers. No other code runs meanwhile, so no other warning is lost.
 */
function loadQuietly(process: typeof nodeProcess): NodeFFI | undefined {
  const { emitWarning } = process;
  process.emitWarning = (...args: unknown[]) => {
    if (args[1] !== "ExperimentalWarning") Reflect.apply(emitWarning, process, args);
  };
  try {
    // SAFETY: `node:ffi` has the functions of {@linkcode NodeFFI} since Node 26.10.
    return process.getBuiltinModule("node:ffi") as unknown as NodeFFI | undefined;
  } finally {
    process.emitWarning = emitWarning;
  }
}

let areFastCallsForbidden = false;

/**
 * As a worker or the process ends, Node (26.10) frees what V8 reads as it compiles a fast call in
 * another thread. The process crashes then. V8 does not compile rare calls.
 */
function forbidFastCalls(process: typeof nodeProcess): void {
  if (areFastCallsForbidden) return;
  process.getBuiltinModule("node:v8").setFlagsFromString("--no-turbo-fast-api-calls");
  areFastCallsForbidden = true;
}

/** Calls of C by `node:ffi`; `undefined` if this Node has no such module, or does not permit it. */
export function nodeFFI(process: typeof nodeProcess): CAccess | undefined {
  if (process.permission?.has("ffi") === false) return undefined;
  const ffi = loadQuietly(process);
  if (ffi === undefined) return undefined;
  const { dlopen, getRawPointer, toArrayBuffer } = ffi;

  function bind<const S extends CSignatures>(
    signatures: S,
    libraries: readonly string[] = LIBC_NAMES,
    seldom = false,
  ): CFunctions<S> {
    if (!seldom) forbidFastCalls(process);
    const entries = Object.entries(signatures);
    const definitions = entries.map(([name, { parameters, result }]) => [
      name,
      { arguments: parameters.map((type) => NATIVE[type]), return: NATIVE[result] },
    ]);
    const functions = openFirst(
      libraries,
      `${process.platform} ${process.arch}`,
      // SAFETY: a definition must be that of the C function; Node checks neither types nor lengths.
      (name) => dlopen(name, Object.fromEntries(definitions)).functions,
    );
    return Object.fromEntries(
      entries.map(([name, signature]) => [name, narrow(functions[name], signature)]),
    ) as CFunctions<S>;
  }

  return {
    bind,
    // SAFETY: see the port: the caller keeps `bytes` alive and passes memory that does not move.
    addressOf: (bytes) => Number(getRawPointer(bytes.buffer)) + bytes.byteOffset,
    // SAFETY: see the port: the memory stays mapped as long as the buffer is used.
    bufferAt: (address, size) => toArrayBuffer(BigInt(address), size, false),
  };
}
