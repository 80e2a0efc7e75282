import { spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, cpSync, mkdirSync, realpathSync } from "node:fs";
import { join } from "node:path";
import type { Runtime } from "../../src/host/runtimes.ts";

/** The user `nobody`, which needs no entry in /etc/passwd. */
const USER = "65534";
/** What the tests of files read from the checkout. */
const CONTENTS = [
  "deno.json",
  "mod.ts",
  "node_modules/zod",
  "package.json",
  "src",
  "tests",
  "workers",
];

/** A copy of the checkout and of the runtimes that belongs to a user who is not root. */
export interface OrdinaryUser {
  /** The beginning of a command that runs as this user. */
  readonly command: readonly string[];
  /** The user's folder: the checkout. */
  readonly root: string;
  readonly runtimes: readonly Runtime[];
  readonly environment: Readonly<Record<string, string | undefined>>;
}

function run(command: string, ...args: string[]): void {
  const { status, stderr, error } = spawnSync(command, args, { encoding: "utf8" });
  if (status === 0) return;
  throw new Error(`Cannot prepare the tests of an ordinary user: ${error?.message ?? stderr}`);
}

/**
 * Makes an ordinary user's copy of a checkout and of the runtimes: root's own may be in a home that
 * no other user may enter.
 *
 * @param folder A folder of root, below folders that all users may enter.
 */
export function makeOrdinaryUser(
  folder: string,
  root: string,
  runtimes: readonly Runtime[],
): OrdinaryUser {
  const [own, bin, home] = ["user", "user/bin", "user/home"].map((name) => join(folder, name));
  for (const made of [bin, home]) mkdirSync(made, { recursive: true });
  chmodSync(folder, 0o711);
  for (const name of CONTENTS) {
    cpSync(realpathSync(join(root, name)), join(own, name), { recursive: true });
  }
  const copies = runtimes.map((runtime) => {
    const path = join(bin, runtime.name);
    copyFileSync(runtime.path, path);
    return { ...runtime, path };
  });
  run("chown", "-R", `${USER}:${USER}`, own);
  run("chmod", "-R", "u+rwX", own);
  return {
    command: ["setpriv", `--reuid=${USER}`, `--regid=${USER}`, "--clear-groups"],
    root: own,
    runtimes: copies,
    environment: {
      HOME: home,
      TMPDIR: home,
      DENO_DIR: join(home, "deno"),
      INTERLOCK_SCRATCH: home,
      NODE_COMPILE_CACHE: join(home, "node"),
      XDG_CACHE_HOME: undefined,
      XDG_RUNTIME_DIR: undefined,
      ...Object.fromEntries(
        copies.map(({ name, path }) => [`INTERLOCK_${name.toUpperCase()}`, path]),
      ),
    },
  };
}
