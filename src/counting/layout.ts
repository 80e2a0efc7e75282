import { PAGE } from "../runtime/files/mapping.ts";

/** Offsets of the gate's words, 128 bytes apart; see gate.ts. */
export const GATE = { open: 0, arrived: 128, phase: 256, announced: 384 } as const;

/** Offsets of the experiment's cells: the counted ones and the scratch ones; and the total size. */
export function regions(workers: number): { real: number; scratch: number; byteLength: number } {
  const region = 1024 + workers * 128;
  return { real: 512, scratch: 512 + region, byteLength: 512 + 2 * region + PAGE };
}
