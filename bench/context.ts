import { createRequire } from "node:module";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Memory } from "../src/memory/mod.ts";
import type { RowKey } from "./results.ts";
import type { Site } from "./site.ts";
import {
  type BenchContext,
  CONTEXT_BYTES,
  type Operation,
  type Subject,
} from "./subjects/subject.ts";

/** Loads the operation of a row, without other subjects. */
export async function operationOf(
  { subject, operation, by }: Pick<RowKey, "subject" | "operation" | "by">,
): Promise<Operation> {
  const loaded = await import(`./subjects/${subject}.ts`) as { subject: Subject };
  const found = loaded.subject.operations?.find((one) =>
    one.name === operation && (one.by ?? "interlock") === by
  );
  if (found !== undefined) return found;
  throw new Error(`Cannot find "${operation}" by ${by} in bench/subjects/${subject}.ts`);
}

/** Makes the context number `index`: its part of the memory, and folders of its own. */
export function contextOf(
  memory: Memory,
  { temporary, fast, packages, redis = "" }: Site,
  index: number,
  worker: number,
  workers: number,
): BenchContext {
  const own = (folder: string) => {
    const path = join(folder, String(index));
    mkdirSync(path, { recursive: true });
    return path;
  };
  return {
    memory,
    offset: index * CONTEXT_BYTES,
    folder: own(temporary),
    fast: own(fast),
    worker,
    workers,
    redis,
    load(name) {
      if (packages === undefined) throw new Error(`Cannot load ${name}: it is not installed`);
      return createRequire(join(packages, "package.json"))(name);
    },
  };
}
