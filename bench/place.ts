import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Memory } from "../src/memory/mod.ts";
import type { RowKey } from "./results.ts";
import { type Operation, type Place, PLACE_BYTES, type Subject } from "./subjects/subject.ts";

/** The folders of a run, by which what it starts finds its files. */
export interface Folders {
  /** In the system's temporary folder. */
  readonly temporary: string;
  /** On a file system in memory, where there is one. */
  readonly fast: string;
}

/** The operation that a row is about; loads its subject alone. */
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

/** The place number `index` in a memory: its part of the memory, and folders of its own. */
export function placeOf(
  memory: Memory,
  { temporary, fast }: Folders,
  index: number,
  worker: number,
  workers: number,
): Place {
  const own = (folder: string) => {
    const path = join(folder, String(index));
    mkdirSync(path, { recursive: true });
    return path;
  };
  return {
    memory,
    offset: index * PLACE_BYTES,
    folder: own(temporary),
    fast: own(fast),
    worker,
    workers,
  };
}
