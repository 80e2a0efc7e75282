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

/** What this machine has, and what it lacks: runtimes, servers, compilers, commands, packages. */
export type Found = Pick<Results, "versions" | "missing">;

const HERE = fileURLToPath(new URL("./rivals/", import.meta.url));
const PACKAGES: readonly string[] = Object.keys(project.dependencies);
/** The one that has fasteners is used: it may not be the first on the PATH. */
const PYTHONS = ["python3", "/usr/bin/python3"];
const PYTHON_VERSION = "import sys; print(sys.version.split()[0])";
const FASTENERS_VERSION =
  "from importlib.metadata import version; import fasteners; print(version('fasteners'))";

/**
 * Finds, builds and installs the rivals, and adds their versions, or what is missing.
 *
 * @param wanted The rivals whose rows are wanted; others are not looked for.
 */
export async function addRivals(
  wanted: ReadonlySet<string>,
  site: Site,
  { versions, missing }: Found,
): Promise<void> {
  const python = wanted.has("python") ? await withFasteners() : PYTHONS[0];
  const needed: [by: string, name: string, tellVersion: string[], todo: string][] = [
    ["flock", "flock", ["flock", "--version"], "install util-linux"],
    ["redis-benchmark", "redis-benchmark", ["redis-benchmark", "--version"], "install redis-tools"],
    ["c", "cc", ["cc", "--version"], "install gcc or clang"],
    ["python", "python3", [python, "-c", PYTHON_VERSION], "install python3"],
    ["python", "fasteners", [python, "-c", FASTENERS_VERSION], "install python3-fasteners"],
  ];
  for (const [, name, command, todo] of needed.filter(([by]) => wanted.has(by))) {
    const version = await firstLineOf(command);
    if (version !== undefined) versions[name] = version.replace(`${name} `, "");
    else missing.push({ what: `${name}, so it was not measured`, todo });
  }
  site.commands = { python: [python, join(HERE, "peers.py")] };
  if (versions.cc !== undefined) {
    const path = join(site.temporary, "peers");
    await launch(["cc", "-O2", "-pthread", join(HERE, "peers.c"), "-o", path]);
    versions.cc += ", -O2";
    site.commands.c = [path];
  }
  if (wanted.has("node-redis")) {
    versions["node-redis"] = createRequire(import.meta.url)("redis/package.json").version;
  }
  if (PACKAGES.some((name) => wanted.has(name))) {
    try {
      site.packages = await packagesOfRivals();
      Object.assign(versions, project.dependencies);
    } catch (error) {
      const what = `npm packages of rivals, so they were not measured: ${(error as Error).message}`;
      missing.push({ what, todo: "install npm and connect to a network" });
    }
  }
}

async function firstLineOf(command: readonly string[]): Promise<string | undefined> {
  return await launch(command).then((out) => out.trim().split("\n")[0], () => undefined);
}

async function withFasteners(): Promise<string> {
  for (const python of PYTHONS) {
    if (await firstLineOf([python, "-c", FASTENERS_VERSION]) !== undefined) return python;
  }
  return PYTHONS[0];
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
