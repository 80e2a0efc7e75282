import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { delimiter, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { cacheFolder } from "../src/host/runtimes.ts";
import { adapter } from "../src/runtime/mod.ts";
import { launch } from "./launch.ts";
import type { Results } from "./results.ts";
import type { Site } from "./site.ts";
import project from "./rivals/package.json" with { type: "json" };

/** The rivals that this machine has, and those that it lacks. */
export interface Rivals {
  /** The commands of the programs that measure. */
  readonly commands: { c?: readonly string[]; python?: readonly string[] };
  /** Compilers, commands and packages by name, each with its version. */
  readonly versions: Record<string, string>;
  readonly missing: Results["missing"];
}

const HERE = fileURLToPath(new URL("./rivals/", import.meta.url));
const PACKAGES: readonly string[] = Object.keys(project.dependencies);
const COMPILERS = ["cc", "gcc", "clang"];
/** Rivals that are commands, and how to install them. */
const COMMANDS = [
  ["flock", "install util-linux"],
  ["redis-benchmark", "apt-get install redis-tools"],
] as const;
const PROBE = "import sys; print(sys.version.split()[0])";
const PROBE_FASTENERS =
  "from importlib.metadata import version; import fasteners; print(version('fasteners'))";
/** The first that exists is used; only npm obeys the lock file. */
const MANAGERS = [
  ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
  [adapter.name === "bun" ? process.execPath : "bun", "install", "--ignore-scripts"],
  [adapter.name === "deno" ? process.execPath : "deno", "install", "--node-modules-dir=auto"],
];
const INSTALL_MS = 120_000;
/** What a rival needs, if it has another name. */
const NEEDS: Readonly<Record<string, string>> = { c: "cc", python: "python3" };
const ALWAYS = ["interlock", "empty program", "node-redis"];

/** Whether a rival was found; `undefined` for rivals means that all are there. */
export function has(rivals: Rivals | undefined, name: string): boolean {
  return rivals === undefined || ALWAYS.includes(name) || (NEEDS[name] ?? name) in rivals.versions;
}

/**
 * Finds, builds and installs the rivals, and lists the missing ones.
 *
 * @param wanted The rivals whose rows are wanted; others are not looked for.
 */
export async function findRivals(wanted: ReadonlySet<string>, site: Site): Promise<Rivals> {
  const rivals: Rivals = { commands: {}, versions: {}, missing: [] };
  const { versions } = rivals;
  const lacks = (what: string, todo: string) => void rivals.missing.push({ what, todo });
  for (const [command, todo] of COMMANDS) {
    if (!wanted.has(command)) continue;
    const version = await outputOf(command, "--version");
    if (version === undefined) lacks(`${command}, so it was not measured`, todo);
    else versions[command] = /\d+(\.\d+)+/.exec(version)![0];
  }
  if (wanted.has("node-redis")) {
    const { version } = createRequire(import.meta.url)("redis/package.json") as { version: string };
    versions["node-redis"] = version;
  }
  if (wanted.has("c")) {
    await buildC(rivals, site.temporary);
    if (!has(rivals, "c")) lacks("a C compiler, so C was not measured", "install gcc or clang");
  }
  if (wanted.has("python")) {
    await findPython(rivals);
    if (!has(rivals, "fasteners")) {
      const what = has(rivals, "python") ? "fasteners, a package of Python" : "python3";
      lacks(`${what}, so it was not measured`, "apt-get install python3-fasteners");
    }
  }
  if (PACKAGES.some((name) => wanted.has(name))) {
    try {
      site.packages = await installPackages();
      Object.assign(versions, project.dependencies);
    } catch (error) {
      lacks(
        `npm packages of rivals, so they were not measured: ${(error as Error).message}`,
        "install npm and connect to a network",
      );
    }
  }
  return rivals;
}

function outputOf(...command: readonly string[]): Promise<string | undefined> {
  return launch(command).then((out) => out.trim(), () => undefined);
}

/** Compiles the C program into a folder with `-O2`. */
async function buildC({ commands, versions }: Rivals, folder: string): Promise<void> {
  for (const compiler of COMPILERS) {
    const version = await outputOf(compiler, "--version");
    if (version === undefined) continue;
    const path = join(folder, "peers");
    await launch([compiler, "-O2", "-pthread", join(HERE, "peers.c"), "-o", path]);
    versions.cc = `${version.split("\n")[0]}, -O2`;
    commands.c = [path];
    return;
  }
}

/** Finds Python on the PATH, preferably one that has fasteners. */
async function findPython({ commands, versions }: Rivals): Promise<void> {
  for (const folder of new Set((process.env.PATH ?? "").split(delimiter).filter(Boolean))) {
    const python = join(folder, "python3");
    const version = await outputOf(python, "-c", PROBE);
    if (version === undefined) continue;
    const fasteners = await outputOf(python, "-c", PROBE_FASTENERS);
    if (fasteners === undefined && commands.python !== undefined) continue;
    commands.python = [python, join(HERE, "peers.py")];
    Object.assign(versions, { python3: version }, fasteners && { fasteners });
    if (fasteners !== undefined) return;
  }
}

/**
 * Installs the packages of rivals into the user's cache, once for each version of their lock file.
 * They are not dependencies of the project, so that counting and testing do not fetch them.
 *
 * @throws {Error} If there is no package manager, or it cannot install them.
 */
async function installPackages(): Promise<string> {
  const lock = readFileSync(join(HERE, "package-lock.json"));
  const name = `rivals-${createHash("sha256").update(lock).digest("hex").slice(0, 12)}`;
  const folder = join(cacheFolder(), name);
  if (existsSync(folder)) return folder;
  // Under a private name first: another run may install the same, or this run may be killed.
  const made = mkdtempSync(join(cacheFolder(), "new-"));
  try {
    for (const file of ["package.json", "package-lock.json"]) {
      copyFileSync(join(HERE, file), join(made, file));
    }
    await install(made);
    try {
      renameSync(made, folder);
    } catch (error) {
      if (!existsSync(folder)) throw error;
    }
  } finally {
    rmSync(made, { recursive: true, force: true });
  }
  return folder;
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
