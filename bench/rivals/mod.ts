import { createRequire } from "node:module";
import { launch } from "../launch.ts";
import type { Results } from "../results.ts";
import type { RunSite } from "../run_site.ts";
import { buildC } from "./c.ts";
import { installPackages, PACKAGES, type Packages } from "./npm.ts";
import type { Binary } from "./programs.ts";
import { findPython } from "./python.ts";

/** The rivals that this machine has, and those that it lacks. */
export interface Rivals {
  readonly c: Binary | undefined;
  readonly python: Binary | undefined;
  /** The folder where packages are installed. */
  readonly packages: string | undefined;
  /** Commands and packages by name, each with its version. */
  readonly versions: Readonly<Record<string, string>>;
  readonly missing: Results["missing"];
}

/** Rivals that are commands, and how to install them. */
const COMMANDS = [
  ["flock", "install util-linux"],
  ["redis-benchmark", "apt-get install redis-tools"],
] as const;

/** The rivals of a machine that has everything, for a plan of all possible rows. */
export const EVERYTHING: Rivals = {
  c: { command: [], versions: { cc: "" } },
  python: { command: [], versions: { python3: "", fasteners: "" } },
  packages: "",
  versions: { flock: "", "redis-benchmark": "" },
  missing: [],
};

/**
 * Finds, builds and installs the rivals, and lists the missing ones.
 *
 * @param wanted The rivals whose rows are wanted; others are not looked for.
 */
export async function findRivals(
  wanted: ReadonlySet<string>,
  site: RunSite,
): Promise<Rivals> {
  const missing: Results["missing"] = [];
  const lacks = (what: string, todo: string) => void missing.push({ what, todo });
  const versions: Record<string, string> = {};

  const c = wanted.has("c") ? await buildC(site.temporary) : undefined;
  if (wanted.has("c") && c === undefined) {
    lacks("a C compiler, so C was not measured", "install gcc or clang");
  }
  const python = wanted.has("python") ? await findPython() : undefined;
  if (wanted.has("python") && python?.versions.fasteners === undefined) {
    const what = python === undefined ? "python3" : "fasteners, a package of Python";
    lacks(`${what}, so it was not measured`, "apt-get install python3-fasteners");
  }
  for (const [command, todo] of COMMANDS) {
    if (!wanted.has(command)) continue;
    const version = await launch([command, "--version"]).catch(() => undefined);
    if (version === undefined) lacks(`${command}, so it was not measured`, todo);
    else versions[command] = /\d+(\.\d+)+/.exec(version)![0];
  }
  let packages: Packages | undefined;
  if (PACKAGES.some((name) => wanted.has(name))) {
    try {
      packages = await installPackages();
      site.packages = packages.folder;
    } catch (error) {
      lacks(
        `npm packages of rivals, so they were not measured: ${(error as Error).message}`,
        "install npm and connect to a network",
      );
    }
  }
  if (wanted.has("node-redis")) versions["node-redis"] = ownVersionOf("redis");
  Object.assign(versions, c?.versions, python?.versions, packages?.versions);
  return { c, python, packages: packages?.folder, versions, missing };
}

/** The version of a development dependency of this project. */
function ownVersionOf(name: string): string {
  return (createRequire(import.meta.url)(`${name}/package.json`) as { version: string }).version;
}
