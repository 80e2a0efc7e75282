import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Folders } from "./place.ts";

const PREFIX = "interlock-bench-";
const TMPFS = "/dev/shm";

/** The folders of a run, and in them those of what it starts. */
export class RunFolders implements Folders, Disposable {
  readonly temporary: string;
  readonly fast: string;
  #made = 0;

  constructor() {
    this.temporary = mkdtempSync(join(tmpdir(), PREFIX));
    this.fast = mkdtempSync(join(existsSync(TMPFS) ? TMPFS : tmpdir(), PREFIX));
  }

  /** Makes new ones in them, which are removed when disposed of. */
  make(): Folders & Disposable {
    const name = String(this.#made++);
    const [temporary, fast] = [this.temporary, this.fast].map((folder) => {
      const path = join(folder, name);
      mkdirSync(path);
      return path;
    });
    return {
      temporary,
      fast,
      [Symbol.dispose]: () => remove(temporary, fast),
    };
  }

  /** Removes all of it. */
  [Symbol.dispose](): void {
    remove(this.temporary, this.fast);
  }
}

function remove(...folders: readonly string[]): void {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
}
