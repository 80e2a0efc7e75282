import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import process from "node:process";
import { adapter } from "../../src/runtime/mod.ts";
import { cacheFolder } from "../../src/host/runtimes.ts";
import { launch } from "../launch.ts";
import project from "./package.json" with { type: "json" };

const HERE = fileURLToPath(new URL("./", import.meta.url));
const FILES = ["package.json", "package-lock.json"];
/** The first that exists is used; only npm obeys the lock file. */
const MANAGERS = [
  ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
  [adapter.name === "bun" ? process.execPath : "bun", "install", "--ignore-scripts"],
  [adapter.name === "deno" ? process.execPath : "deno", "install", "--node-modules-dir=auto"],
];
const INSTALL_MS = 120_000;

/** The names of the packages. */
export const PACKAGES: readonly string[] = Object.keys(project.dependencies);

/** The installed packages of rivals. */
export interface Packages {
  readonly folder: string;
  readonly versions: Readonly<Record<string, string>>;
}

/**
 * Installs the packages of rivals into the user's cache, once for each version of their lock file.
 * They are not dependencies of the project, so that counting and testing do not fetch them.
 *
 * @throws {Error} If there is no package manager, or it cannot install them.
 */
export async function installPackages(): Promise<Packages> {
  const lock = readFileSync(join(HERE, "package-lock.json"), "utf8");
  const name = `rivals-${createHash("sha256").update(lock).digest("hex").slice(0, 12)}`;
  const folder = join(cacheFolder(), name);
  if (!existsSync(folder)) {
    // Under a private name first: another run may install the same, or this run may be killed.
    const made = mkdtempSync(join(cacheFolder(), "new-"));
    try {
      for (const file of FILES) copyFileSync(join(HERE, file), join(made, file));
      await install(made);
      try {
        renameSync(made, folder);
      } catch (error) {
        if (!existsSync(folder)) throw error;
      }
    } finally {
      rmSync(made, { recursive: true, force: true });
    }
  }
  return { folder, versions: project.dependencies };
}

async function install(folder: string): Promise<void> {
  for (const command of MANAGERS) {
    try {
      await launch(command, { cwd: folder, timeout: INSTALL_MS });
      return;
    } catch (error) {
      if ((error as { code?: string }).code !== "ENOENT") throw error;
    }
  }
  throw new Error("none of npm, bun and deno is on the PATH");
}
