import { adapter } from "../adapters/adapter.ts";
import type { CFunctions } from "../adapters/port.ts";
import { kernel32, windowsError } from "./kernel32.ts";

const DACL_SECURITY_INFORMATION = 4;

/** SAFETY: the signatures are those of 64-bit Windows (securitybaseapi.h). */
const SIGNATURES = {
  GetKernelObjectSecurity: {
    parameters: ["i64", "u32", "bytes", "u32", "bytes"],
    result: "i32",
  },
  SetKernelObjectSecurity: { parameters: ["i64", "u32", "bytes"], result: "i32" },
} as const;

let functions: CFunctions<typeof SIGNATURES> | undefined;

/**
 * Gives an open file the access control list of another one.
 *
 * @param from Its handle, opened with `READ_CONTROL`.
 * @param to The other handle, opened with `WRITE_DAC`.
 */
export function copyAccessList(from: number, to: number, path: string): void {
  const { GetKernelObjectSecurity, SetKernelObjectSecurity } = functions ??= adapter.bind(
    SIGNATURES,
    ["advapi32.dll"],
  );
  const needed = new Uint32Array(1);
  const neededBytes = new Uint8Array(needed.buffer);
  let list = new Uint8Array(4096);
  for (;;) {
    // SAFETY: the call writes no more than `list.length` bytes, and four into `needed`.
    if (
      GetKernelObjectSecurity(from, DACL_SECURITY_INFORMATION, list, list.length, neededBytes) !== 0
    ) break;
    const failure = kernel32().GetLastError();
    if (needed[0] <= list.length) throw windowsError("keep the permissions of", path, failure);
    list = new Uint8Array(needed[0]);
  }
  // SAFETY: `list` holds a whole security descriptor.
  if (SetKernelObjectSecurity(to, DACL_SECURITY_INFORMATION, list) === 0) {
    throw windowsError("keep the permissions of", path, kernel32().GetLastError());
  }
}
