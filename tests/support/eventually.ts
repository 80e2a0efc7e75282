import { existsSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** Waits until a condition holds; the time limit of the test is the limit. */
export async function eventually(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(1);
}

/** The state of a thread as proc(5) names it; `undefined` if there is no such thread. */
export function stateOf(pid: number, thread: number = pid): string | undefined {
  const path = `/proc/${pid}/task/${thread}/stat`;
  if (!existsSync(path)) return undefined;
  try {
    const stat = readFileSync(path, "latin1");
    return stat.slice(stat.lastIndexOf(")") + 2)[0];
  } catch {
    return undefined; // It has just ended.
  }
}
