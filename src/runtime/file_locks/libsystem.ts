import { adapter } from "../adapters/adapter.ts";
import type { CFunctions, CSignature } from "../adapters/port.ts";
import { statNames } from "./darwin_structs.ts";

/**
 * The functions that are called, except stat(2), whose names depend on the processor.
 *
 * SAFETY: the signatures are those of the macOS SDK; results of 64 bits stay below 2^53 here.
 */
export const libSystemSignatures = {
  __error: { parameters: [], result: "pointer" },
  close: { parameters: ["i32"], result: "i32" },
  fcntl: { parameters: ["i32", "i32"], result: "i32" },
  flock: { parameters: ["i32", "i32"], result: "i32" },
  getcwd: { parameters: ["bytes", "i64"], result: "pointer" },
  mkdir: { parameters: ["bytes", "u32"], result: "i32" },
  // SAFETY: the mode is variadic. On x64 it is passed in the third register, like the third argument
  // of a fixed signature; on Apple's arm64 it is the first on the stack, like the ninth.
  open: {
    parameters: ["bytes", "i32", "i32", "i64", "i64", "i64", "i64", "i64", "i32"],
    result: "i32",
  },
  pread: { parameters: ["i32", "bytes", "i64", "i64"], result: "i64" },
  pwrite: { parameters: ["i32", "bytes", "i64", "i64"], result: "i64" },
} as const;

const FSTAT = { parameters: ["i32", "bytes"], result: "i32" } as const;
const LSTAT = { parameters: ["bytes", "bytes"], result: "i32" } as const;

/** The functions of macOS that lock files. */
export interface LibSystem extends Omit<CFunctions<typeof libSystemSignatures>, "open"> {
  /** open(2), with the permission bits of a file that it makes. */
  open(path: Uint8Array, flags: number, mode: number): number;
  fstat(fd: number, status: Uint8Array): number;
  lstat(path: Uint8Array, status: Uint8Array): number;
  /** The error number of the last call that failed. */
  errno(): number;
}

let functions: LibSystem | undefined;

/**
 * The functions of macOS that lock files.
 *
 * @throws {UnsupportedError} If foreign functions are missing or not permitted.
 */
export function libSystem(): LibSystem {
  return functions ??= bound();
}

function bound(): LibSystem {
  const { fstat, lstat } = statNames(adapter.arch);
  const signatures: Record<string, CSignature> = {
    ...libSystemSignatures,
    [fstat]: FSTAT,
    [lstat]: LSTAT,
  };
  const native = adapter.bind(signatures, ["libSystem.B.dylib", "/usr/lib/libSystem.B.dylib"]);
  // SAFETY: `native` has a function for each of the signatures, under the same name.
  const { open, ...rest } = native as unknown as CFunctions<typeof libSystemSignatures>;
  // SAFETY: the number of a thread has one address as long as the thread runs.
  const last = new Int32Array(adapter.bufferAt(rest.__error(), 4));
  return {
    ...rest,
    open: (path, flags, mode) => open(path, flags, mode, 0, 0, 0, 0, 0, mode),
    // SAFETY: bound above by the signatures FSTAT and LSTAT.
    fstat: native[fstat] as unknown as LibSystem["fstat"],
    lstat: native[lstat] as unknown as LibSystem["lstat"],
    errno: () => last[0],
  };
}
