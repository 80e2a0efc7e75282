import { adapter } from "./adapter.ts";
import { readProc } from "./identity.ts";

const RT_SIGACTION = { x64: 13, arm64: 134 } as const;
const SIGNATURE = {
  syscall: { parameters: ["i64", "i32", "bytes", "pointer", "i64"], result: "i32" },
} as const;
/** The bytes of the kernel's set of signals. */
const SET_BYTES = 8;

/**
 * Lets all signals that this process ignores have their default action; see proc(5), `SigIgn`. By
 * the system call, since sigaction(3) refuses the two that glibc uses itself, which who started
 * this process may have set to be ignored, too.
 */
export function ignoreNoSignals(): void {
  const mask = BigInt(
    `0x${/^SigIgn:\s*([0-9a-f]+)/m.exec(readProc("/proc/self/status") ?? "")?.[1] ?? 0}`,
  );
  const { syscall } = adapter.bind(SIGNATURE);
  const number = adapter.arch === "arm64" ? RT_SIGACTION.arm64 : RT_SIGACTION.x64;
  const byDefault = new Uint8Array(32); // The kernel's struct sigaction: SIG_DFL.
  for (let signal = 1; signal <= 64; signal++) {
    if ((mask >> BigInt(signal - 1) & 1n) === 1n) syscall(number, signal, byDefault, 0, SET_BYTES);
  }
}
