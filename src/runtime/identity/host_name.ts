import { libc } from "../c/libc.ts";

let name: string | undefined;

/** The name of this machine, by gethostname(2). */
export function hostName(): string {
  if (name !== undefined) return name;
  const bytes = new Uint8Array(256);
  // SAFETY: gethostname(2) writes no more than the length that it is given.
  libc.gethostname(bytes, bytes.length);
  return name = new TextDecoder().decode(bytes.subarray(0, bytes.indexOf(0)));
}
