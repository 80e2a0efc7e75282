import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";

/** The folders of Deno's cache whose files are written once. The rest are databases. */
const WRITTEN_ONCE = ["gen", "npm", "remote"];

/**
 * The folders that children use as their `DENO_DIR`, and those that no child uses now. `tests/run.ts`
 * makes and removes the outer folder; all processes of a run share it, so that Deno finds what it has
 * compiled before.
 */
let pool: { readonly used: string; readonly free: string } | undefined;

function poolOfRun(): NonNullable<typeof pool> {
  const scratch = process.env.INTERLOCK_SCRATCH;
  const folder = scratch === undefined
    ? mkdtempSync(join(tmpdir(), "interlock-deno-"))
    : join(scratch, "deno");
  if (scratch === undefined) process.on("exit", () => rmSync(folder, { recursive: true }));
  const made = { used: join(folder, "used"), free: join(folder, "free") };
  for (const path of [made.used, made.free]) mkdirSync(path, { recursive: true });
  return made;
}

function sharedDenoDir(): string {
  const caches = process.env.XDG_CACHE_HOME || join(homedir() || tmpdir(), ".cache");
  return process.env.DENO_DIR || join(caches, "deno");
}

/** Takes the folder that has been free for the longest, or makes one. */
function takeDenoDir(): string {
  const { used, free } = pool ??= poolOfRun();
  for (const name of readdirSync(free).sort()) {
    const path = join(used, name.slice(name.indexOf("-") + 1));
    try {
      renameSync(join(free, name), path);
      return path;
    } catch {
      // Another process has taken it.
    }
  }
  const path = mkdtempSync(`${used}/`);
  for (const name of WRITTEN_ONCE) {
    const target = join(sharedDenoDir(), name);
    // Not a link in a folder of the pool, which moves.
    if (existsSync(target)) symlinkSync(realpathSync(target), join(path, name));
  }
  return path;
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
  const denoDir = takeDenoDir();
  const giveBack = () => {
    const { used, free } = pool!;
    renameSync(denoDir, join(free, `${Date.now()}-${denoDir.slice(used.length + 1)}`));
  };
  return {
    env: { ...process.env, NO_COLOR: "1", DENO_DIR: denoDir, ...variables } as NodeJS.ProcessEnv,
    giveBack,
  };
}
