import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Memory } from "../src/memory/mod.ts";
import { type BenchContext, CONTEXT_BYTES } from "./subjects/subject.ts";

const TMPFS = "/dev/shm";

/** The folders, packages and server of a run, for everything that it starts. */
export interface Site {
  /** A folder in the system's temporary folder. */
  readonly temporary: string;
  /** A folder on a file system in memory, if there is one. */
  readonly fast: string;
  /** The folder with the packages of rivals; `undefined` if they are not installed. */
  packages?: string;
  /** The address of a private Redis server; `undefined` if there is none. */
  redis?: string;
}

/** Makes a site with new folders, in those of another; they are removed on disposal. */
export function makeSite(within?: Site): Site & Disposable {
  const parents = within === undefined
    ? [tmpdir(), existsSync(TMPFS) ? TMPFS : tmpdir()]
    : [within.temporary, within.fast];
  const folders = parents.map((parent) => mkdtempSync(join(parent, "interlock-bench-")));
  return {
    ...within,
    temporary: folders[0],
    fast: folders[1],
    [Symbol.dispose]: () => {
      for (const folder of folders) rmSync(folder, { recursive: true, force: true });
    },
  };
}

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
