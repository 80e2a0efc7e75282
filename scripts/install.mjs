/**
 * Installs the packages of a task before it runs, with the package manager of the current runtime.
 * Counting gets the `dependencies` of package.json only; with `--all`, the `devDependencies` of the
 * tests, the bench and the report come too. Does nothing if all of them are already there, whichever
 * manager installed them.
 */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const readJson = (path) => JSON.parse(readFileSync(ROOT + path, "utf8"));

/** Whether each direct dependency has the version of the lock file; the three lock files agree. */
function areInstalled(all) {
  const { dependencies, devDependencies } = readJson("package.json");
  const { packages } = readJson("package-lock.json");
  return Object.keys({ ...dependencies, ...all && devDependencies }).every((name) => {
    const path = `node_modules/${name}`;
    try {
      return readJson(`${path}/package.json`).version === packages[path].version;
    } catch {
      return false;
    }
  });
}

/** The command that installs exactly what the lock file of a package manager contains. */
function commandFor(all) {
  if (process.versions.deno) {
    // Deno installs everything that its lock file contains, so counting has one of its own.
    const only = all ? [] : ["--prod", "--lock=deno.production.lock"];
    return [process.execPath, "install", "--quiet", "--frozen", ...only];
  }
  if (process.versions.bun) {
    return [process.execPath, "install", "--frozen-lockfile", ...all ? [] : ["--production"]];
  }
  return ["npm", "ci", "--no-audit", "--no-fund", ...all ? [] : ["--omit=dev"]];
}

/** Installs the packages for counting, or those for all tasks; ends the process if that fails. */
export function install(all) {
  if (areInstalled(all)) return;
  const megabytes = all ? 17 : 2;
  console.error(`Fetching the packages of this task from npm (about ${megabytes} MB) ...`);
  const [command, ...args] = commandFor(all);
  // What the package manager prints matters only if it fails.
  const options = { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"], encoding: "utf8" };
  const { status, error, stdout, stderr } = spawnSync(command, args, options);
  if (status === 0) return;
  const printed = error?.message ?? `${stdout}${stderr}`.trim();
  console.error(`${printed}\nCannot install the packages with "${command} ${args.join(" ")}"`);
  process.exit(1);
}

if (import.meta.main) install(process.argv.includes("--all"));
