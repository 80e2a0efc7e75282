import { readFileSync, statSync } from "node:fs";

/** How many threads of all processes sleep in flock(2) for these files, by `/proc/locks`. */
export function kernelWaiters(...paths: string[]): number {
  const inodes = new Set(paths.map((path) => `${statSync(path).ino}`));
  return readFileSync("/proc/locks", "utf8").split("\n").map((line) => line.split(/\s+/))
    .filter((fields) => fields[1] === "->" && fields[2] === "FLOCK")
    .filter((fields) => inodes.has(fields[6].split(":")[2])).length;
}
