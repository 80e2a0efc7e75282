import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";

/** The folders of Deno's cache whose files are written once. The rest are databases. */
const WRITTEN_ONCE = ["gen", "npm", "remote"];

/** The folder of this process, within one that `tests/run.ts` makes and removes. */
let folder: string | undefined;
const free: string[] = [];
let made = 0;

function sharedDenoDir(): string {
  const caches = process.env.XDG_CACHE_HOME || join(homedir() || tmpdir(), ".cache");
  return process.env.DENO_DIR || join(caches, "deno");
}

function makeDenoDir(): string {
  if (folder === undefined) {
    const path = folder = mkdtempSync(
      join(process.env.INTERLOCK_SCRATCH ?? tmpdir(), "deno-dirs-"),
    );
    process.on("exit", () => rmSync(path, { recursive: true, force: true }));
  }
  const denoDir = join(folder, String(made++));
  mkdirSync(denoDir);
  for (const name of WRITTEN_ONCE) {
    const target = join(sharedDenoDir(), name);
    if (existsSync(target)) symlinkSync(target, join(denoDir, name));
  }
  return denoDir;
}

/** The environment of a child process, until {@linkcode giveBack} is called at its end. */
export interface ChildEnvironment {
  readonly env: NodeJS.ProcessEnv;
  giveBack(): void;
}

/**
 * The environment of a child process, with a `DENO_DIR` that no other child uses at the same time:
 * Deno maps the shared memory of its SQLite caches, and dies by SIGBUS if another process truncates
 * it.
 */
export function childEnvironment(
  variables: Readonly<Record<string, string | undefined>> = {},
): ChildEnvironment {
  const denoDir = free.pop() ?? makeDenoDir();
  return {
    env: { ...process.env, NO_COLOR: "1", DENO_DIR: denoDir, ...variables } as NodeJS.ProcessEnv,
    giveBack: () => void free.push(denoDir),
  };
}
