import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Site } from "./site.ts";

const PREFIX = "interlock-bench-";
const TMPFS = "/dev/shm";

/** The site of a run; makes sites in its folders for the steps. */
export class RunSite implements Site, Disposable {
  readonly temporary: string;
  readonly fast: string;
  packages: string | undefined;
  redis: string | undefined;
  #made = 0;

  constructor() {
    this.temporary = mkdtempSync(join(tmpdir(), PREFIX));
    this.fast = mkdtempSync(join(existsSync(TMPFS) ? TMPFS : tmpdir(), PREFIX));
  }

  /** Makes a site with new folders, which are removed on disposal. */
  make(): Site & Disposable {
    const name = String(this.#made++);
    const [temporary, fast] = [this.temporary, this.fast].map((folder) => {
      const path = join(folder, name);
      mkdirSync(path);
      return path;
    });
    return {
      temporary,
      fast,
      packages: this.packages,
      redis: this.redis,
      [Symbol.dispose]: () => remove(temporary, fast),
    };
  }

  /** Removes its folders. */
  [Symbol.dispose](): void {
    remove(this.temporary, this.fast);
  }
}

function remove(...folders: readonly string[]): void {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
}
