import { createRequire } from "node:module";
import { launch } from "../launch.ts";
import type { Results } from "../results.ts";
import type { RunSite } from "../run_site.ts";
import { buildC } from "./c.ts";
import { installPackages, PACKAGES, type Packages } from "./npm.ts";
import type { Binary } from "./programs.ts";
import { findPython } from "./python.ts";

/** What of rivals this machine has, and what it lacks. */
export interface Rivals {
  readonly c: Binary | undefined;
  readonly python: Binary | undefined;
  /** The folder where packages are installed. */
  readonly packages: string | undefined;
  /** Commands and packages by name, each with its version. */
  readonly versions: Readonly<Record<string, string>>;
  readonly missing: Results["missing"];
}

/** Rivals that are commands, and what to do where they are missing. */
const COMMANDS = [
  ["flock", "install util-linux"],
  ["redis-benchmark", "apt-get install redis-tools"],
] as const;

/** As if this machine had everything: what a plan by it needs is looked for. */
export const EVERYTHING: Rivals = {
  c: { command: [], versions: { cc: "" } },
  python: { command: [], versions: { python3: "", fasteners: "" } },
  packages: "",
  versions: { flock: "", "redis-benchmark": "" },
  missing: [],
};

/**
 * Finds, builds and installs what we are compared with; what is not to be had is named.
 *
 * @param wanted Whose rows are wanted; others are not looked for.
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
    lacks("a C compiler, so there is no C to compare with", "install gcc or clang");
  }
  const python = wanted.has("python") ? await findPython() : undefined;
  if (wanted.has("python") && python?.versions.fasteners === undefined) {
    const what = python === undefined ? "python3" : "fasteners, a package of Python";
    lacks(`${what}, so it cannot be compared with`, "apt-get install python3-fasteners");
  }
  for (const [command, todo] of COMMANDS) {
    if (!wanted.has(command)) continue;
    const version = await launch([command, "--version"]).catch(() => undefined);
    if (version === undefined) lacks(`${command}, so it cannot be compared with`, todo);
    else versions[command] = /\d+(\.\d+)+/.exec(version)![0];
  }
  let packages: Packages | undefined;
  if (PACKAGES.some((name) => wanted.has(name))) {
    try {
      packages = await installPackages();
      site.packages = packages.folder;
    } catch (error) {
      lacks(
        `packages of rivals, so there are none to compare with: ${(error as Error).message}`,
        "have npm and a network",
      );
    }
  }
  if (wanted.has("node-redis")) versions["node-redis"] = ownVersionOf("redis");
  Object.assign(versions, c?.versions, python?.versions, packages?.versions);
  return { c, python, packages: packages?.folder, versions, missing };
}

/** The version of a package that this project develops with. */
function ownVersionOf(name: string): string {
  return (createRequire(import.meta.url)(`${name}/package.json`) as { version: string }).version;
}
