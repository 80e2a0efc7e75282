import { adapter } from "../adapters/adapter.ts";
import { readProc } from "../files/open_file.ts";

const RT_SIGACTION = { x64: 13, arm64: 134 } as const;
const SIGNATURE = {
  syscall: { parameters: ["i64", "i32", "bytes", "pointer", "i64"], result: "i32" },
} as const;
/** The size of the kernel's signal set, in bytes. */
const SET_BYTES = 8;

/**
 * Resets all signals that this process ignores to their default action; see proc(5), `SigIgn`. Uses
 * the system call, since sigaction(3) refuses the two signals that glibc uses itself, and the parent
 * process may have set those to be ignored, too.
 */
export function ignoreNoSignals(): void {
  const mask = BigInt(
    `0x${/^SigIgn:\s*([0-9a-f]+)/m.exec(readProc("/proc/self/status") ?? "")?.[1] ?? 0}`,
  );
  const { syscall } = adapter.bind(SIGNATURE);
  const number = adapter.arch === "arm64" ? RT_SIGACTION.arm64 : RT_SIGACTION.x64;
  // SAFETY: the kernel's `struct sigaction` has 32 bytes, and all zeros are SIG_DFL.
  const byDefault = new Uint8Array(32);
  for (let signal = 1; signal <= 64; signal++) {
    if ((mask >> BigInt(signal - 1) & 1n) === 1n) syscall(number, signal, byDefault, 0, SET_BYTES);
  }
}
