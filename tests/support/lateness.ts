import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

/** How late timers and file reads may be while other tasks wait, in milliseconds. */
export const LATE = 20;
/** How many measurements a busy machine gets: one without the fault is good after a few at most. */
export const LOOKS = 30;

/**
 * The median delay of some timers and file reads, in milliseconds. Not the greatest: the system may
 * keep a process from running for longer than a wait may.
 */
export async function lateness(): Promise<number> {
  const delays: number[] = [];
  for (let i = 0; i < 20; i++) {
    const start = performance.now();
    await sleep(10);
    const woken = performance.now();
    await readFile("/proc/self/stat");
    delays.push(Math.max(woken - start - 10, performance.now() - woken));
  }
  return delays.sort((a, b) => a - b)[delays.length / 2];
}

/** The smallest of a few measurements, since other processes use the machine too. */
export async function leastLateness(): Promise<number> {
  let least = Infinity;
  for (let i = 0; i < LOOKS && least >= LATE; i++) least = Math.min(least, await lateness());
  return least;
}
