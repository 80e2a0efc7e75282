import { launch } from "../launch.ts";
import type { Results } from "../results.ts";
import type { RunFolders } from "../run_folders.ts";
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

/** As if this machine had everything: what a plan by it needs is looked for. */
export const EVERYTHING: Rivals = {
  c: { command: [], versions: { cc: "" } },
  python: { command: [], versions: { python3: "", fasteners: "" } },
  packages: "",
  versions: { flock: "" },
  missing: [],
};

/**
 * Finds, builds and installs what we are compared with; what is not to be had is named.
 *
 * @param wanted Whose rows are wanted; others are not looked for.
 */
export async function findRivals(
  wanted: ReadonlySet<string>,
  folders: RunFolders,
): Promise<Rivals> {
  const missing: Results["missing"] = [];
  const lacks = (what: string, todo: string) => void missing.push({ what, todo });
  const versions: Record<string, string> = {};

  const c = wanted.has("c") ? await buildC(folders.temporary) : undefined;
  if (wanted.has("c") && c === undefined) {
    lacks("a C compiler, so there is no C to compare with", "install gcc or clang");
  }
  const python = wanted.has("python") ? await findPython() : undefined;
  if (wanted.has("python") && python?.versions.fasteners === undefined) {
    const what = python === undefined ? "python3" : "fasteners, a package of Python";
    lacks(`${what}, so it cannot be compared with`, "apt-get install python3-fasteners");
  }
  if (wanted.has("flock")) {
    const flock = await launch(["flock", "--version"]).catch(() => undefined);
    if (flock === undefined) lacks("flock(1), so it cannot be compared with", "install util-linux");
    else versions.flock = flock.trim().split(" ").at(-1)!;
  }
  let packages: Packages | undefined;
  if (PACKAGES.some((name) => wanted.has(name))) {
    try {
      packages = await installPackages();
    } catch (error) {
      lacks(
        `packages of rivals, so there are none to compare with: ${(error as Error).message}`,
        "have npm and a network",
      );
    }
  }
  Object.assign(versions, c?.versions, python?.versions, packages?.versions);
  return { c, python, packages: packages?.folder, versions, missing };
}
