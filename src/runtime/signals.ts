import { readProc } from "./identity.ts";

/** The signals that this process ignores, by number; see proc(5), `SigIgn`. */
export function signalsIgnored(): number[] {
  const mask = BigInt(
    `0x${/^SigIgn:\s*([0-9a-f]+)/m.exec(readProc("/proc/self/status") ?? "")?.[1] ?? 0}`,
  );
  return Array.from({ length: 64 }, (_, i) => i + 1)
    .filter((signal) => (mask >> BigInt(signal - 1) & 1n) === 1n);
}
