import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const TMPFS = "/dev/shm";

/** The folders, packages and server of a run, for everything that it starts. */
export interface Site {
  /** A folder in the system's temporary folder. */
  readonly temporary: string;
  /** A folder on a file system in memory, if there is one. */
  readonly fast: string;
  /** The commands of `bench/rivals`, if they can run. */
  commands?: { c?: readonly string[]; python?: readonly string[] };
  /** The folder with the packages of rivals; `undefined` if they are not installed. */
  packages?: string;
  /** The address of a private Redis server; `undefined` if there is none. */
  redis?: string;
  /** The address of one that stores each write before it answers. */
  storingRedis?: string;
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
