import { PAGE } from "../runtime/mapping.ts";

/** The gate's words, each on its own 128 bytes; see gate.ts. */
export const GATE = { open: 0, arrived: 128, phase: 256 } as const;

/** Where the cells of the experiment begin: the real ones, then the scratch ones. */
export function regions(workers: number): { real: number; scratch: number; byteLength: number } {
  const region = 1024 + workers * 128;
  return { real: 512, scratch: 512 + region, byteLength: 512 + 2 * region + PAGE };
}
