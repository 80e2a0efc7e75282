/**
 * The calls of kernel32.dll for files: their numbers, and the functions.
 *
 * @module
 */
import { adapter } from "../adapters/adapter.ts";
import type { CFunctions } from "../adapters/port.ts";
import { namedError } from "../c/errno.ts";

/** The `HANDLE` of a file that could not be opened. */
export const INVALID_HANDLE = -1;
export const GENERIC_READ = 0x80000000;
export const GENERIC_WRITE = 0x40000000;
export const FILE_READ_ATTRIBUTES = 0x80;
export const DELETE = 0x10000;
export const READ_CONTROL = 0x20000;
export const WRITE_DAC = 0x40000;
/**
 * `FILE_SHARE_READ`, `FILE_SHARE_WRITE` and `FILE_SHARE_DELETE`: other programs may do anything.
 */
export const SHARE_ALL = 7;
export const CREATE_NEW = 1;
export const OPEN_EXISTING = 3;
export const OPEN_ALWAYS = 4;
/** `FILE_FLAG_BACKUP_SEMANTICS`: folders as well as files. */
export const ALSO_FOLDERS = 0x02000000;
/** `FILE_FLAG_OPEN_REPARSE_POINT`: a link itself. */
export const THE_LINK = 0x00200000;
export const FILE_TYPE_DISK = 1;
export const LOCKFILE_FAIL_IMMEDIATELY = 1;
export const LOCKFILE_EXCLUSIVE_LOCK = 2;
/** The `FILE_INFO_BY_HANDLE_CLASS` of a `FILE_RENAME_INFO` with flags. */
export const FILE_RENAME_INFO_EX = 22;
export const MOVEFILE_REPLACE_EXISTING = 1;
/** Returns when the new name is on the storage. */
export const MOVEFILE_WRITE_THROUGH = 8;

export const ERROR_FILE_NOT_FOUND = 2;
export const ERROR_PATH_NOT_FOUND = 3;
export const ERROR_ACCESS_DENIED = 5;
export const ERROR_SHARING_VIOLATION = 32;
export const ERROR_FILE_EXISTS = 80;
export const ERROR_ALREADY_EXISTS = 183;

const NAMES: Readonly<Record<number, string | undefined>> = {
  [ERROR_FILE_NOT_FOUND]: "ENOENT",
  [ERROR_PATH_NOT_FOUND]: "ENOENT",
  4: "EMFILE", // ERROR_TOO_MANY_OPEN_FILES
  [ERROR_ACCESS_DENIED]: "EACCES",
  6: "EBADF", // ERROR_INVALID_HANDLE
  8: "ENOMEM", // ERROR_NOT_ENOUGH_MEMORY
  14: "ENOMEM", // ERROR_OUTOFMEMORY
  19: "EROFS", // ERROR_WRITE_PROTECT
  [ERROR_SHARING_VIOLATION]: "EBUSY",
  33: "EBUSY", // ERROR_LOCK_VIOLATION
  39: "ENOSPC", // ERROR_HANDLE_DISK_FULL
  50: "EOPNOTSUPP", // ERROR_NOT_SUPPORTED
  53: "ENOENT", // ERROR_BAD_NETPATH
  67: "ENOENT", // ERROR_BAD_NET_NAME
  [ERROR_FILE_EXISTS]: "EEXIST",
  112: "ENOSPC", // ERROR_DISK_FULL
  123: "ENOENT", // ERROR_INVALID_NAME
  161: "ENOENT", // ERROR_BAD_PATHNAME
  [ERROR_ALREADY_EXISTS]: "EEXIST",
  206: "ENAMETOOLONG", // ERROR_FILENAME_EXCED_RANGE
  267: "ENOTDIR", // ERROR_DIRECTORY
  1295: "EDQUOT", // ERROR_DISK_QUOTA_EXCEEDED
};

/** ERROR_INVALID_FUNCTION, ERROR_INVALID_HANDLE and ERROR_NOT_SUPPORTED. */
const NO_LOCKS: readonly number[] = [1, 6, 50];

/**
 * Whether the error of a failed try means that the lock is held elsewhere. True for all numbers
 * except those of files without locks: ERROR_LOCK_VIOLATION and ERROR_IO_PENDING are documented,
 * but a runtime may have called Windows in between, and the number is lost.
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
 * SAFETY: the signatures are those of 64-bit Windows (fileapi.h, winbase.h, securitybaseapi.h). A
 * structure that a call fills must be as long as structures.ts says.
 */
const SIGNATURES = {
  CloseHandle: { parameters: ["i64"], result: "i32" },
  CreateDirectoryW: { parameters: ["bytes", "pointer"], result: "i32" },
  CreateFileW: {
    parameters: ["bytes", "u32", "u32", "pointer", "u32", "u32", "i64"],
    result: "i64",
  },
  DeleteFileW: { parameters: ["bytes"], result: "i32" },
  FindClose: { parameters: ["i64"], result: "i32" },
  FindFirstFileW: { parameters: ["bytes", "bytes"], result: "i64" },
  FindNextFileW: { parameters: ["i64", "bytes"], result: "i32" },
  FlushFileBuffers: { parameters: ["i64"], result: "i32" },
  GetFileInformationByHandle: { parameters: ["i64", "bytes"], result: "i32" },
  GetFileType: { parameters: ["i64"], result: "u32" },
  GetFinalPathNameByHandleW: { parameters: ["i64", "bytes", "u32", "u32"], result: "u32" },
  GetFullPathNameW: { parameters: ["bytes", "u32", "bytes", "pointer"], result: "u32" },
  GetLastError: { parameters: [], result: "u32" },
  LockFileEx: { parameters: ["i64", "u32", "u32", "u32", "u32", "bytes"], result: "i32" },
  MoveFileExW: { parameters: ["bytes", "bytes", "u32"], result: "i32" },
  ReadFile: { parameters: ["i64", "bytes", "u32", "bytes", "pointer"], result: "i32" },
  SetFileInformationByHandle: { parameters: ["i64", "i32", "bytes", "u32"], result: "i32" },
  SetFilePointerEx: { parameters: ["i64", "i64", "pointer", "u32"], result: "i32" },
  UnlockFileEx: { parameters: ["i64", "u32", "u32", "u32", "bytes"], result: "i32" },
  WriteFile: { parameters: ["i64", "bytes", "u32", "bytes", "pointer"], result: "i32" },
} as const;

let functions: CFunctions<typeof SIGNATURES> | undefined;

/**
 * The functions of Windows for files.
 *
 * @throws {UnsupportedError} If foreign functions are missing or not permitted.
 */
export function kernel32(): CFunctions<typeof SIGNATURES> {
  return functions ??= adapter.bind(SIGNATURES, ["kernel32.dll"]);
}
