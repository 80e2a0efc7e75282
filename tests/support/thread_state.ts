import { existsSync, readFileSync } from "node:fs";

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
