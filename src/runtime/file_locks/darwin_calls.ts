/**
 * The calls of macOS that lock files: their numbers and layouts, which are tested on every system,
 * and the functions. From sys/fcntl.h, sys/errno.h and sys/stat.h of XNU.
 *
 * @module
 */
import { adapter } from "../adapters/adapter.ts";
import type { CFunctions, CSignature } from "../adapters/port.ts";
import { namedError } from "../c/errno.ts";
import { type FileStatus, kindBy } from "../files/file_status.ts";

export const O_RDONLY = 0;
export const O_RDWR = 2;
export const O_NONBLOCK = 0x4;
export const O_NOFOLLOW = 0x100;
export const O_CREAT = 0x200;
export const O_CLOEXEC = 0x1000000;
/** For fcntl(2): the drive writes its cache as well, which fsync(2) does not ask for. */
export const F_FULLFSYNC = 51;

/** The size of a `struct stat` with 64-bit inodes, in bytes. */
export const STAT_BYTES = 144;

/** The status of a file by stat(2). */
export type DarwinStatus = Pick<FileStatus, "isFile" | "isFolder" | "mode" | "id">;

/** Reads a `struct stat`. It begins with the device, the mode and the links, then the inode. */
export function darwinStatus(bytes: Uint8Array): DarwinStatus {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const mode = view.getUint16(4, true);
  return {
    ...kindBy(mode),
    id: `${view.getInt32(0, true)}:${view.getBigUint64(8, true)}`,
  };
}

/** The names of stat(2)'s functions: those without the suffix have 32-bit inodes on x64. */
export function statNames(arch: string): { readonly fstat: string; readonly lstat: string } {
  const suffix = arch === "x64" ? "$INODE64" : "";
  return { fstat: `fstat${suffix}`, lstat: `lstat${suffix}` };
}

/** The numbers of the errors that callers distinguish. */
export const DARWIN = { EINTR: 4, ENOENT: 2, EACCES: 13, EPERM: 1, EROFS: 30, EWOULDBLOCK: 35 };

const NAMES: Readonly<Record<number, string | undefined>> = {
  1: "EPERM",
  2: "ENOENT",
  4: "EINTR",
  5: "EIO",
  6: "ENXIO",
  9: "EBADF",
  11: "EDEADLK",
  12: "ENOMEM",
  13: "EACCES",
  16: "EBUSY",
  17: "EEXIST",
  20: "ENOTDIR",
  21: "EISDIR",
  22: "EINVAL",
  23: "ENFILE",
  24: "EMFILE",
  26: "ETXTBSY",
  27: "EFBIG",
  28: "ENOSPC",
  30: "EROFS",
  35: "EAGAIN",
  45: "ENOTSUP",
  62: "ELOOP",
  63: "ENAMETOOLONG",
  69: "EDQUOT",
  70: "ESTALE",
  77: "ENOLCK",
  78: "ENOSYS",
  102: "EOPNOTSUPP",
};

/** An error by macOS's number for it, with the fields of Node's errors. */
export function darwinError(what: string, path: string, number: number): Error {
  return namedError(what, path, NAMES[number] ?? `errno ${number}`, number);
}

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
  // SAFETY: the mode is variadic. On x64 it is passed in the third register, like the third
  // argument of a fixed signature; on Apple's arm64 it is the first on the stack, like the ninth.
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
