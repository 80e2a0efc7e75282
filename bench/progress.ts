import { SingleBar } from "cli-progress";
import process from "node:process";
import { rowId } from "./results.ts";
import type { Observer } from "./rounds.ts";

/** Formats minutes and seconds: `4:05`. */
export function clock(ms: number): string {
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

/**
 * Estimates the time left. At the beginning it relies on the plan, later more and more on the speed
 * so far.
 *
 * @param planned The planned time of all steps, in milliseconds.
 * @param over The planned time of the steps that are over.
 * @param took The time that they took.
 */
export function timeLeft(planned: number, over: number, took: number): number {
  const seen = over === 0 ? 1 : took / over;
  const trust = Math.min(1, over / planned * 5);
  return (planned - over) * (trust * seen + 1 - trust);
}

/** A progress bar with the time left, if the output is a terminal. */
export function progressOf(planned: number): Observer & { stop(): void } {
  const began = performance.now();
  let over = 0;
  const bar = process.stderr.isTTY
    ? new SingleBar({
      format: "{bar} {percentage}%, {left} left  {what}",
      stream: process.stderr,
      clearOnComplete: true,
      hideCursor: true,
    })
    : undefined;
  bar?.start(planned, 0, { left: clock(planned), what: "" });
  return {
    begins: ({ rows }) => {
      const what = rows.length === 1 ? rowId(rows[0]) : `${rows.length} rows, ${rowId(rows[0])}`;
      bar?.update({ what: what.slice(0, 60) });
    },
    ended: (ms) => {
      over += ms;
      bar?.update(over, { left: clock(timeLeft(planned, over, performance.now() - began)) });
    },
    stop: () => bar?.stop(),
  };
}
