import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Runtime } from "../src/counting/runtimes.ts";
import type { Subject } from "./figures.ts";

/** What `alone.ts` measures. */
export type AloneSubject = (typeof ALONE_SUBJECTS)[number] | "flock lock, unlock";

const ALONE_SUBJECTS = [
  "atomic add",
  "striped add",
  "mutex lock, unlock",
  "mutex guard by using",
  "raw value += 1 under mutex",
  "shared value += 1",
] as const;

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

/** One thread with nobody to wait for, in each of the runtimes. */
export function aloneSubjects(runtimes: readonly Runtime[]): Subject[] {
  return runtimes.flatMap((runtime) => [
    ...ALONE_SUBJECTS.flatMap((what) => [
      subjectOf(runtime, what, "mapped"),
      subjectOf(runtime, what, "anonymous"),
    ]),
    subjectOf(runtime, "flock lock, unlock", "anonymous"),
  ]);
}

function subjectOf(runtime: Runtime, what: AloneSubject, memory: string): Subject {
  const where = what === "flock lock, unlock" ? "" : `, ${memory}`;
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
