/**
 * Runs a task for `bun run TASK` and `npm run TASK`: installs missing packages and runs the task in
 * the current runtime. A Node that is too old hands over to Deno from npm, so this file must run in
 * old versions too.
 */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { constants } from "node:os";
import { fileURLToPath, pathToFileURL } from "node:url";

const TASKS = {
  count: ["cli/main.ts", "count"],
  interlock: ["cli/main.ts"],
  test: ["tests/run.ts"],
  bench: ["bench/run.ts"],
  report: ["bench/report/main.ts"],
  soak: ["tests/stress/main.ts"],
  mutants: ["tests/mutants/main.ts"],
};

const root = fileURLToPath(new URL("..", import.meta.url));
const [task, ...given] = process.argv.slice(2);
const [entry, ...fixed] = TASKS[task];

/** Installs the packages of the lock file, unless all are already installed. */
function installWith(command, args) {
  const { dependencies, devDependencies } = JSON.parse(readFileSync(`${root}package.json`, "utf8"));
  const names = Object.keys({ ...dependencies, ...devDependencies });
  if (names.every((name) => existsSync(`${root}node_modules/${name}/package.json`))) return;
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: ["ignore", 2, 2] });
  if (status === 0) return;
  console.error(`Cannot install the packages with "${command} ${args.join(" ")}"`, error ?? "");
  process.exit(1);
}

function isNewEnough([major, minor]) {
  return major > 26 || (major === 26 && minor >= 10);
}

if (process.versions.bun) {
  installWith(process.execPath, ["install", "--frozen-lockfile"]);
  process.argv = [process.execPath, root + entry, ...fixed, ...given];
  await import(pathToFileURL(root + entry).href);
} else if (isNewEnough(process.versions.node.split(".").map(Number))) {
  installWith("npm", ["ci", "--no-audit", "--no-fund"]);
  // The task replaces this process, so that it gets the signals.
  const args = ["--disable-warning=ExperimentalWarning", root + entry, ...fixed, ...given];
  process.execve(process.execPath, [process.execPath, ...args], process.env);
} else {
  const child = spawn("npx", ["-y", "deno", "task", task, ...given], {
    cwd: root,
    stdio: "inherit",
  });
  // The terminal signals the child too; this process waits for its end.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.on(signal, () => child.kill(signal));
  }
  child.on("error", (error) => {
    console.error(`Cannot start Deno with npx: ${error.message}`);
    process.exit(1);
  });
  child.on("exit", (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
}
