import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import { adapter } from "../runtime/mod.ts";
import { makeFolders } from "./own_folder.ts";

const run = promisify(execFile);
const INSTALL_MS = 180_000;
/** The age of a folder whose installation cannot still run, in milliseconds. */
const LEFT_MS = 20 * INSTALL_MS;
/** The beginning of the names of folders in which an installation runs. */
const UNFINISHED = "new-";
/** The first that exists is used; only npm obeys package-lock.json. */
const MANAGERS = {
  npm: [
    "install",
    "--ignore-scripts",
    "--no-audit",
    "--no-fund",
    // Its defaults wait for 70 s before it reports a registry that cannot be reached.
    "--fetch-retries=1",
    "--fetch-retry-mintimeout=1000",
    "--json",
  ],
  bun: ["install", "--ignore-scripts"],
  deno: ["install", "--node-modules-dir=auto"],
};

/**
 * Makes a folder with the packages of a package.json, unless the folder exists.
 *
 * @param files The texts of package.json and, if there is one, of package-lock.json.
 * @param signal Ends the installation.
 * @throws {Error} If there is no package manager, or it cannot install them.
 */
export async function installPackages(
  folder: string,
  files: Readonly<Record<string, string>>,
  signal?: AbortSignal,
): Promise<void> {
  if (existsSync(folder)) return;
  makeFolders(dirname(folder));
  await removeLeft(dirname(folder));
  // Under a private name first: another run may install the same, or this run may be killed.
  const made = await mkdtemp(join(dirname(folder), UNFINISHED));
  try {
    for (const [name, text] of Object.entries(files)) await writeFile(join(made, name), text);
    await installIn(made, signal);
    await rename(made, folder).catch((error) => {
      if (!existsSync(folder)) throw error;
    });
  } finally {
    await rm(made, { recursive: true, force: true });
  }
}

/** Removes what runs have left that were killed. */
async function removeLeft(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!name.startsWith(UNFINISHED)) continue;
    const path = join(folder, name);
    const begun = await stat(path).catch(() => undefined); // Another run may have removed it.
    if (begun === undefined || Date.now() - begun.mtimeMs < LEFT_MS) continue;
    await rm(path, { recursive: true, force: true });
  }
}

async function installIn(folder: string, signal: AbortSignal | undefined): Promise<void> {
  const env = { ...process.env, NO_COLOR: "1" };
  for (const [manager, args] of Object.entries(MANAGERS)) {
    const path = manager === adapter.name ? process.execPath : manager;
    // On Windows, npm is a batch file, which only a shell runs. The arguments need no quotes.
    const shell = manager === "npm" && process.platform === "win32";
    if (shell && !isOnPath("npm.cmd")) continue;
    try {
      await run(path, args, { cwd: folder, timeout: INSTALL_MS, env, signal, shell });
      return;
    } catch (error) {
      if ((error as { code?: string }).code === "ENOENT") continue;
      throw new Error(reasonOf(error), { cause: error });
    }
  }
  throw new Error("none of npm, bun and deno is on the PATH");
}

function isOnPath(file: string): boolean {
  const folders = (process.env.PATH ?? "").split(delimiter).filter(Boolean);
  return folders.some((folder) => existsSync(join(folder, file)));
}

/** Why a package manager failed, in one line. */
function reasonOf(error: unknown): string {
  const { killed, stdout = "", stderr = "", message } = error as Error & {
    readonly killed?: boolean;
    readonly stdout?: string;
    readonly stderr?: string;
  };
  if (killed) return `it took longer than ${INSTALL_MS / 1000} s`;
  const npm = /^ *"summary": (".*"),?$/m.exec(stdout)?.[1];
  if (npm !== undefined) return JSON.parse(npm).split("\n")[0].replace(/\.$/, "");
  const others = /^error: (.*)$/m.exec(stderr)?.[1];
  return others ?? message.split("\n")[0];
}
