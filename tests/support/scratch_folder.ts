import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Runs `body` with a folder of its own, which is removed afterwards. */
export async function inScratchFolder<T>(body: (folder: string) => T | Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "interlock-test-"));
  try {
    return await body(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Returns a function that gives folders in `folder`, created if they are missing. */
export function foldersIn(folder: string): (name: string) => string {
  return (name) => {
    mkdirSync(join(folder, name), { recursive: true });
    return join(folder, name);
  };
}
