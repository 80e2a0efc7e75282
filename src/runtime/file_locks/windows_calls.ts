/**
 * The calls of kernel32.dll that lock files: their numbers and layouts, which are tested on every
 * system, and the functions. The layouts are those of 64-bit Windows (minwinbase.h, fileapi.h).
 *
 * @module
 */
import { adapter } from "../adapters/adapter.ts";
import type { CFunctions } from "../adapters/port.ts";
import { namedError } from "../c/errno.ts";
import type { ByteRange } from "./byte_range.ts";

/** The `HANDLE` of a file that could not be opened. */
export const INVALID_HANDLE = -1;
export const GENERIC_READ = 0x80000000;
export const GENERIC_WRITE = 0x40000000;
export const FILE_READ_ATTRIBUTES = 0x80;
/** `FILE_SHARE_READ`, `FILE_SHARE_WRITE` and `FILE_SHARE_DELETE`: other programs may do anything. */
export const SHARE_ALL = 7;
export const OPEN_EXISTING = 3;
export const OPEN_ALWAYS = 4;
/** `FILE_FLAG_OPEN_REPARSE_POINT`: a link itself; `FILE_FLAG_BACKUP_SEMANTICS`: folders as well. */
export const OPEN_FLAGS = 0x00200000 | 0x02000000;
export const FILE_TYPE_DISK = 1;
export const LOCKFILE_FAIL_IMMEDIATELY = 1;
export const LOCKFILE_EXCLUSIVE_LOCK = 2;

const FILE_ATTRIBUTE_READONLY = 0x1;
const FILE_ATTRIBUTE_DIRECTORY = 0x10;
const FILE_ATTRIBUTE_REPARSE_POINT = 0x400;
const WORD = 2 ** 32;

/**
 * The byte that a lock of the whole file takes. Locks of Windows are mandatory: an exclusive lock keeps
 * all others from reading. No file is this long, so the record stays readable, and programs that lock
 * all bytes (Deno, Rust, Go) conflict with it.
 */
const FAR = 2 ** 62;
/** The length of a range without an end. A range begins below 2^53. */
const REST = 2 ** 61;

/** The bytes that `LockFileEx` and `UnlockFileEx` take. */
export interface Region {
  /** An `OVERLAPPED` with the offset; the system writes into it. */
  readonly overlapped: Uint8Array;
  readonly lengthLow: number;
  readonly lengthHigh: number;
}

/** The region of a range, or of a whole file; these two never overlap. */
export function regionOf(range: ByteRange | undefined): Region {
  const start = range?.start ?? FAR;
  const length = range === undefined ? 1 : range.length || REST;
  const view = new DataView(new ArrayBuffer(32));
  view.setUint32(16, start % WORD, true);
  view.setUint32(20, Math.floor(start / WORD), true);
  return {
    overlapped: new Uint8Array(view.buffer),
    lengthLow: length % WORD,
    lengthHigh: Math.floor(length / WORD),
  };
}

/** A string as Windows needs it: UTF-16 and a NUL. Lone surrogates stay. */
export function wideString(text: string): Uint8Array {
  const view = new DataView(new ArrayBuffer(2 * (text.length + 1)));
  for (let i = 0; i < text.length; i++) view.setUint16(2 * i, text.charCodeAt(i), true);
  return new Uint8Array(view.buffer);
}

/** The string in the first `length` units of a buffer. */
export function textOf(wide: Uint8Array, length: number): string {
  const view = new DataView(wide.buffer, wide.byteOffset);
  let text = "";
  for (let i = 0; i < length; i++) text += String.fromCharCode(view.getUint16(2 * i, true));
  return text;
}

/** A full path in the form that can exceed 260 units: `\\?\C:\a`, `\\?\UNC\server\a`. */
export function extendedPath(full: string): string {
  if (/^\\\\[?.]\\/.test(full)) return full;
  return full.startsWith("\\\\") ? `\\\\?\\UNC${full.slice(1)}` : `\\\\?\\${full}`;
}

/** The folders on the way to an extended path, from the first below its root. */
export function foldersTo(extended: string): string[] {
  const root = /^\\\\\?\\(UNC\\[^\\]+\\[^\\]+\\|[^\\]+\\)/.exec(extended)?.[0].length ??
    extended.length;
  const folders: string[] = [];
  for (let at = extended.indexOf("\\", root); at > 0; at = extended.indexOf("\\", at + 1)) {
    folders.push(extended.slice(0, at));
  }
  return folders;
}

/** The size of a `BY_HANDLE_FILE_INFORMATION`, in bytes. */
export const FILE_INFORMATION_BYTES = 52;

/** The status of an open file by `GetFileInformationByHandle`. */
export interface FileInformation {
  readonly isFolder: boolean;
  readonly isLink: boolean;
  readonly isReadOnly: boolean;
  /** The same for two handles of one file, and for no others. */
  readonly id: string;
}

/** Reads a `BY_HANDLE_FILE_INFORMATION`. */
export function fileInformation(bytes: Uint8Array): FileInformation {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const word = (at: number) => view.getUint32(at, true);
  const has = (attribute: number) => (word(0) & attribute) !== 0;
  return {
    isFolder: has(FILE_ATTRIBUTE_DIRECTORY),
    isLink: has(FILE_ATTRIBUTE_REPARSE_POINT),
    isReadOnly: has(FILE_ATTRIBUTE_READONLY),
    id: `${word(28)}:${word(44)}:${word(48)}`, // The volume, and the index by halves.
  };
}

const NAMES: Readonly<Record<number, string | undefined>> = {
  2: "ENOENT", // ERROR_FILE_NOT_FOUND
  3: "ENOENT", // ERROR_PATH_NOT_FOUND
  4: "EMFILE", // ERROR_TOO_MANY_OPEN_FILES
  5: "EACCES", // ERROR_ACCESS_DENIED
  6: "EBADF", // ERROR_INVALID_HANDLE
  8: "ENOMEM", // ERROR_NOT_ENOUGH_MEMORY
  14: "ENOMEM", // ERROR_OUTOFMEMORY
  19: "EROFS", // ERROR_WRITE_PROTECT
  32: "EBUSY", // ERROR_SHARING_VIOLATION
  33: "EBUSY", // ERROR_LOCK_VIOLATION
  39: "ENOSPC", // ERROR_HANDLE_DISK_FULL
  50: "EOPNOTSUPP", // ERROR_NOT_SUPPORTED
  53: "ENOENT", // ERROR_BAD_NETPATH
  67: "ENOENT", // ERROR_BAD_NET_NAME
  80: "EEXIST", // ERROR_FILE_EXISTS
  112: "ENOSPC", // ERROR_DISK_FULL
  123: "ENOENT", // ERROR_INVALID_NAME
  161: "ENOENT", // ERROR_BAD_PATHNAME
  183: "EEXIST", // ERROR_ALREADY_EXISTS
  206: "ENAMETOOLONG", // ERROR_FILENAME_EXCED_RANGE
  267: "ENOTDIR", // ERROR_DIRECTORY
  1295: "EDQUOT", // ERROR_DISK_QUOTA_EXCEEDED
};

/** ERROR_INVALID_FUNCTION, ERROR_INVALID_HANDLE and ERROR_NOT_SUPPORTED. */
const NO_LOCKS: readonly number[] = [1, 6, 50];

/**
 * Whether the error of a failed try means that the lock is held elsewhere. True for all numbers except
 * those of files without locks: ERROR_LOCK_VIOLATION and ERROR_IO_PENDING are documented, but a runtime
 * may have called Windows in between, and the number is lost.
 */
export function meansLocked(number: number): boolean {
  return !NO_LOCKS.includes(number);
}

/** An error by a number of `GetLastError`, with the fields of Node's errors. */
export function windowsError(what: string, path: string, number: number): Error {
  return namedError(what, path, NAMES[number] ?? `Windows error ${number}`, number);
}

/**
 * Handles are passed as 64-bit integers, so that an invalid one is -1 in every runtime.
 *
 * SAFETY: the signatures are those of 64-bit Windows (fileapi.h, synchapi.h). A structure that a call
 * fills must be as long as is said above.
 */
const SIGNATURES = {
  CloseHandle: { parameters: ["i64"], result: "i32" },
  CreateDirectoryW: { parameters: ["bytes", "pointer"], result: "i32" },
  CreateFileW: {
    parameters: ["bytes", "u32", "u32", "pointer", "u32", "u32", "i64"],
    result: "i64",
  },
  FlushFileBuffers: { parameters: ["i64"], result: "i32" },
  GetFileInformationByHandle: { parameters: ["i64", "bytes"], result: "i32" },
  GetFileType: { parameters: ["i64"], result: "u32" },
  GetFullPathNameW: { parameters: ["bytes", "u32", "bytes", "pointer"], result: "u32" },
  GetLastError: { parameters: [], result: "u32" },
  LockFileEx: { parameters: ["i64", "u32", "u32", "u32", "u32", "bytes"], result: "i32" },
  ReadFile: { parameters: ["i64", "bytes", "u32", "bytes", "pointer"], result: "i32" },
  SetFilePointerEx: { parameters: ["i64", "i64", "pointer", "u32"], result: "i32" },
  UnlockFileEx: { parameters: ["i64", "u32", "u32", "u32", "bytes"], result: "i32" },
  WriteFile: { parameters: ["i64", "bytes", "u32", "bytes", "pointer"], result: "i32" },
} as const;

let functions: CFunctions<typeof SIGNATURES> | undefined;

/**
 * The functions of Windows that lock files.
 *
 * @throws {UnsupportedError} If foreign functions are missing or not permitted.
 */
export function kernel32(): CFunctions<typeof SIGNATURES> {
  return functions ??= adapter.bind(SIGNATURES, ["kernel32.dll"]);
}
