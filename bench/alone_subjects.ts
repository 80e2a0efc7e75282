import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Runtime } from "../src/counting/runtimes.ts";
import type { Subject } from "./figures.ts";

/** What `alone.ts` measures on memory. */
export const ALONE_SUBJECTS = [
  "atomic add",
  "atomic fetchAdd",
  "atomic add of 32 bits",
  "striped add",
  "mutex lock, unlock",
  "mutex lock, increment, unlock",
  "mutex guard by using",
  "mutex guard by try, finally",
  "mutex acquire by a task",
  "shared value += 1",
] as const;

/** What `alone.ts` measures else. */
export const OTHER_SUBJECTS = [
  "mutex, 1 in turn",
  "mutex, 64 of 8 segments in turn",
  "mutex among 1 cell",
  "mutex among 1,000 cells",
  "mutex beside 10 waiting tasks",
  "mutex beside 1,000 waiting tasks",
  "mutex from task to task, 10 wait",
  "mutex from task to task, 1,000 wait",
  "segment open, close",
  "flock lock, unlock",
] as const;

/** What `alone.ts` measures. */
export type AloneSubject = typeof ALONE_SUBJECTS[number] | typeof OTHER_SUBJECTS[number];

const run = promisify(execFile);
const ENTRY = fileURLToPath(new URL("./alone.ts", import.meta.url));
const ROOT = fileURLToPath(new URL("..", import.meta.url));
const TIMEOUT_MS = 60_000;

/** The arguments with which a runtime runs a program. */
export function argumentsFor({ name }: Runtime): string[] {
  switch (name) {
    case "deno":
      return ["run", "--quiet", "-A"];
    case "bun":
      return [];
    case "node":
      return ["--disable-warning=ExperimentalWarning"];
  }
}

/** One operation in one thread of a runtime. */
export function aloneSubject(
  runtime: Runtime,
  what: AloneSubject,
  memory: "mapped" | "anonymous" = "mapped",
): Subject {
  const where = OTHER_SUBJECTS.some((other) => other === what) ? "" : `, ${memory}`;
  return {
    name: `${what}${where}, ${runtime.name}`,
    unit: "ns",
    async measure() {
      const args = [...argumentsFor(runtime), ENTRY, what, memory];
      const { stdout } = await run(runtime.path, args, { cwd: ROOT, timeout: TIMEOUT_MS });
      return (JSON.parse(stdout) as { ns: number }).ns;
    },
  };
}
