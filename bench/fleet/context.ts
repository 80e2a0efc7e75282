import { mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import type { Memory } from "../../src/memory/mod.ts";
import type { Site } from "../site.ts";
import { type BenchContext, CONTEXT_BYTES } from "../subjects/subject.ts";

/** Makes the context number `index`: its part of the memory, and folders of its own. */
export function contextOf(
  memory: Memory,
  { temporary, fast, packages, redis = "" }: Site,
  index: number,
  worker: number,
  workers: number,
): BenchContext {
  const [folder, quick] = [temporary, fast].map((parent) => join(parent, String(index)));
  for (const path of [folder, quick]) mkdirSync(path, { recursive: true });
  return {
    memory,
    offset: index * CONTEXT_BYTES,
    folder,
    fast: quick,
    worker,
    workers,
    redis,
    load(name) {
      if (packages === undefined) throw new Error(`Cannot load ${name}: it is not installed`);
      return createRequire(join(packages, "package.json"))(name);
    },
  };
}
