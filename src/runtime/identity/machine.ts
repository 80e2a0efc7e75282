import { libc } from "../c/libc.ts";
import { readProc } from "../files/open_file.ts";

let name: string | undefined;

/** The name of this machine, by gethostname(2). */
export function hostName(): string {
  if (name !== undefined) return name;
  const bytes = new Uint8Array(256);
  // SAFETY: gethostname(2) writes no more than the length that it is given.
  libc.gethostname(bytes, bytes.length);
  return name = new TextDecoder().decode(bytes.subarray(0, bytes.indexOf(0)));
}

let boot: Uint8Array | undefined;

/** The 16 bytes that identify this boot of the machine; zeros if they cannot be read. */
export function bootId(): Uint8Array {
  if (boot !== undefined) return boot;
  const id = new Uint8Array(16);
  const hex = readProc("/proc/sys/kernel/random/boot_id")?.trim().replaceAll("-", "") ?? "";
  if (!/^[0-9a-f]{32}$/.test(hex)) return id;
  for (let i = 0; i < 16; i++) id[i] = parseInt(hex.slice(2 * i, 2 * i + 2), 16);
  return boot = id;
}
