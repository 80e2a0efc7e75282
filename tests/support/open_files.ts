import { readdirSync, readlinkSync } from "node:fs";

/** The paths of the open files of a process that begin with `prefix`. */
export function openFiles(prefix: string, pid: number | "self" = "self"): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      const path = readlinkSync(`/proc/${pid}/fd/${fd}`);
      return path.startsWith(prefix) ? [path] : [];
    } catch {
      return []; // It has just been closed.
    }
  });
}
