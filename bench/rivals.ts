import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { installPackages } from "../src/host/packages.ts";
import { cacheFolder } from "../src/host/runtimes.ts";
import { launch } from "./launch.ts";
import type { Results } from "./results.ts";
import type { Site } from "./site.ts";
import project from "./rivals/package.json" with { type: "json" };

/** The rivals that this machine has, and those that it lacks. */
export interface Rivals {
  /** Compilers, commands and packages by name, each with its version. */
  readonly versions: Record<string, string>;
  readonly missing: Results["missing"];
}

const HERE = fileURLToPath(new URL("./rivals/", import.meta.url));
const PACKAGES: readonly string[] = Object.keys(project.dependencies);
/** Rivals that are commands, and how to install them. */
const COMMANDS = [
  ["flock", "install util-linux"],
  ["redis-benchmark", "apt-get install redis-tools"],
] as const;
/** The first that has fasteners is used: another Python may come first on the PATH. */
const PYTHONS = ["python3", "/usr/bin/python3", "/usr/local/bin/python3"];
const PROBE = "import sys; print(sys.version.split()[0])";
const PROBE_FASTENERS =
  "from importlib.metadata import version; import fasteners; print(version('fasteners'))";
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
  const versions: Rivals["versions"] = {};
  const missing: Rivals["missing"] = [];
  const lacks = (what: string, todo: string) =>
    void missing.push({ what: `${what} not measured`, todo });
  site.commands = {};
  for (const [command, todo] of COMMANDS.filter(([command]) => wanted.has(command))) {
    const version = await outputOf(command, "--version");
    if (version === undefined) lacks(`${command}, so it was`, todo);
    else versions[command] = /\d+(\.\d+)+/.exec(version)![0];
  }
  if (wanted.has("node-redis")) {
    versions["node-redis"] = createRequire(import.meta.url)("redis/package.json").version;
  }
  if (wanted.has("c")) {
    const version = await outputOf("cc", "--version");
    if (version === undefined) lacks("a C compiler, so C was", "install gcc or clang");
    else {
      const path = join(site.temporary, "peers");
      await launch(["cc", "-O2", "-pthread", join(HERE, "peers.c"), "-o", path]);
      versions.cc = `${version.split("\n")[0]}, -O2`;
      site.commands.c = [path];
    }
  }
  if (wanted.has("python")) {
    for (const python of PYTHONS) {
      const version = await outputOf(python, "-c", PROBE);
      const fasteners = await outputOf(python, "-c", PROBE_FASTENERS);
      if (version === undefined || (versions.python3 && !fasteners)) continue;
      site.commands.python = [python, join(HERE, "peers.py")];
      Object.assign(versions, { python3: version }, fasteners && { fasteners });
      if (fasteners) break;
    }
    const what = versions.python3 ? "fasteners, a package of Python" : "python3";
    if (!versions.fasteners) lacks(`${what}, so it was`, "apt-get install python3-fasteners");
  }
  if (PACKAGES.some((name) => wanted.has(name))) {
    try {
      site.packages = await packagesOfRivals();
      Object.assign(versions, project.dependencies);
    } catch (error) {
      const what = `npm packages of rivals (${(error as Error).message}), so they were`;
      lacks(what, "install npm and connect to a network");
    }
  }
  return { versions, missing };
}

function outputOf(...command: readonly string[]): Promise<string | undefined> {
  return launch(command).then((out) => out.trim(), () => undefined);
}

/**
 * Installs the packages of rivals into the user's cache, once for each version of their lock file.
 * They are not dependencies of the project, so that counting and testing do not fetch them.
 */
async function packagesOfRivals(): Promise<string> {
  const [manifest, lock] = ["package.json", "package-lock.json"]
    .map((name) => readFileSync(join(HERE, name), "utf8"));
  const version = createHash("sha256").update(lock).digest("hex").slice(0, 12);
  const folder = join(cacheFolder(), `rivals-${version}`);
  await installPackages(folder, { "package.json": manifest, "package-lock.json": lock });
  return folder;
}
