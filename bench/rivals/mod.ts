import { launch } from "../launch.ts";
import type { Results } from "../results.ts";
import type { RunFolders } from "../run_folders.ts";
import { buildC } from "./c.ts";
import { installPackages } from "./npm.ts";
import type { Binary } from "./programs.ts";
import { findPython } from "./python.ts";

/** What of rivals this machine has, and what it lacks. */
export interface Rivals {
  readonly c: Binary | undefined;
  readonly python: Binary | undefined;
  /** Commands and packages by name, each with its version. */
  readonly versions: Readonly<Record<string, string>>;
  readonly missing: Results["missing"];
}

const CANNOT = "cannot be compared with";

/** Finds, builds and installs what we are compared with. What is not to be had is named. */
export async function findRivals(folders: RunFolders): Promise<Rivals> {
  const missing: Results["missing"] = [];
  const versions: Record<string, string> = {};
  const c = await buildC(folders.temporary);
  if (c === undefined) {
    missing.push({
      what: `C: locks, counters and files ${CANNOT} it`,
      todo: "install gcc or clang and put it on the PATH",
    });
  }
  const python = await findPython();
  if (python === undefined) {
    missing.push({ what: `Python: values and text files ${CANNOT} it`, todo: "install python3" });
  } else if (python.versions.fasteners === undefined) {
    missing.push({
      what: `fasteners, a package of Python: file locks ${CANNOT} it`,
      todo: "apt-get install python3-fasteners, or pip install fasteners",
    });
  }
  const flock = await launch(["flock", "--version"]).catch(() => undefined);
  if (flock === undefined) {
    missing.push({
      what: `flock(1): the command interlock lock ${CANNOT} it`,
      todo: "install util-linux",
    });
  } else versions.flock = flock.trim().split(" ").at(-1)!;
  try {
    const packages = await installPackages();
    folders.rivals = packages.folder;
    Object.assign(versions, packages.versions);
  } catch (error) {
    missing.push({
      what: `packages of rivals: they ${CANNOT.replace("compared with", "installed")}: ` +
        (error as Error).message,
      todo: "have npm and the network, and run the bench again",
    });
  }
  Object.assign(versions, c?.versions, python?.versions);
  return { c, python, versions, missing };
}
