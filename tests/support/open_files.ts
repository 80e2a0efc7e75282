import { readdirSync, readlinkSync } from "node:fs";

/** What the descriptors of a process lead to, as far as it begins like that. */
export function openFiles(beginning: string, pid: number | "self" = "self"): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      const path = readlinkSync(`/proc/${pid}/fd/${fd}`);
      return path.startsWith(beginning) ? [path] : [];
    } catch {
      return []; // It was closed meanwhile.
    }
  });
}
