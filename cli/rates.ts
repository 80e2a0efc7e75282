import type { InspectedCell, SegmentView } from "../src/memory/inspection.ts";

interface Seen {
  readonly value: number | bigint;
  readonly rate: number | undefined;
}

/** How fast the numbers of segments change, between two looks at them. */
export class Rates {
  #at = 0;
  #seen = new Map<string, Seen>();

  /** Notes a look at segments. */
  note(segments: readonly SegmentView[], now: number = performance.now()): void {
    const seconds = (now - this.#at) / 1000;
    const seen = new Map<string, Seen>();
    for (const segment of segments) {
      for (const cell of segment.cells ?? []) {
        const { value } = cell;
        if (typeof value !== "number" && typeof value !== "bigint") continue;
        const before = this.#seen.get(keyOf(segment, cell));
        const rate = before && change(before.value, value) / seconds;
        seen.set(keyOf(segment, cell), { value, rate });
      }
    }
    this.#seen = seen;
    this.#at = now;
  }

  /** The change of a number for each second; `undefined` before the second look. */
  of(segment: SegmentView, cell: InspectedCell): number | undefined {
    return this.#seen.get(keyOf(segment, cell))?.rate;
  }
}

/** The difference of two numbers; exact if both are whole, also beyond 2^53. */
export function change(from: number | bigint, to: number | bigint): number {
  if (typeof from === "number" && typeof to === "number") return to - from;
  return Number(BigInt(to) - BigInt(from)); // A whole number that is not too large is no bigint.
}

function keyOf({ path }: SegmentView, { name, kind }: InspectedCell): string {
  return JSON.stringify([path, name, kind]);
}
