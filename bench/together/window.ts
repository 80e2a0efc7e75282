import { monotonicNanoseconds } from "../../src/runtime/mod.ts";
import type { Many } from "../subjects/subject.ts";

/** Between two looks at the clock, in nanoseconds; it costs some hundred itself. */
const CHUNK = 100_000;

/** No operation is so short that more of them would fit between two looks. */
const MOST_TIMES = 1 << 20;

/** A span on the monotonic clock, in nanoseconds. */
export interface Window {
  readonly from: number;
  readonly to: number;
}

/** How often one of several did it. */
export interface Count {
  /** Within the window. */
  readonly inside: number;
  /** At all. */
  readonly done: number;
}

/** The part of a span that lies in a window. */
export function partInside(start: number, end: number, { from, to }: Window): number {
  return Math.max(Math.min(end, to) - Math.max(start, from), 0) / (end - start);
}

/**
 * Does it again and again until the window is over, beginning before it. It is done in chunks; one
 * that lies across an edge of the window counts by its part inside. Nobody asks whether to stop, so
 * that nothing but the operation is measured; all others are still at it when the window ends.
 */
export async function countInWindow(many: Many, window: Window): Promise<Count> {
  let [inside, done, times] = [0, 0, 1];
  let start = monotonicNanoseconds();
  while (start < window.to) {
    const pending = many.run(times);
    if (pending !== undefined) await pending;
    const end = monotonicNanoseconds();
    inside += times * partInside(start, end, window);
    done += times;
    if (end - start < CHUNK / 2) times = Math.min(2 * times, MOST_TIMES);
    else if (end - start > CHUNK * 2 && times > 1) times = Math.ceil(times / 2);
    start = end;
  }
  return { inside, done };
}
