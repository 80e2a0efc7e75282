import { adapter } from "../adapters/adapter.ts";
import type { CFunctions } from "../adapters/port.ts";

/**
 * Handles are passed as 64-bit integers, so that an invalid one is -1 in every runtime.
 *
 * SAFETY: the signatures are those of 64-bit Windows (fileapi.h, synchapi.h). A structure that a call
 * fills must be as long as windows_structs.ts says.
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
