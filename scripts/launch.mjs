/**
 * Runs a task for `bun run TASK` and `npm run TASK`: installs missing packages and runs the task in
 * the current runtime. A Node that is too old hands over to Deno from npm, so this file must run in
 * old versions too.
 */
import { spawn } from "node:child_process";
import { constants } from "node:os";
import { fileURLToPath, pathToFileURL } from "node:url";
import { install } from "./install.mjs";

const TASKS = {
  count: ["cli/main.ts", "count"],
  interlock: ["cli/main.ts"],
  test: ["tests/run.ts"],
  bench: ["bench/run.ts"],
  report: ["bench/report/main.ts"],
  consumers: ["tests/consumers/main.ts"],
  soak: ["tests/stress/main.ts"],
  explore: ["tests/explore/main.ts"],
  mutants: ["tests/mutants/main.ts"],
};
/** The tasks that need only the packages of counting and the command line. */
const COUNTING = ["count", "interlock"];

const root = fileURLToPath(new URL("..", import.meta.url));
const [task, ...given] = process.argv.slice(2);
const [entry, ...fixed] = TASKS[task];

function isNewEnough([major, minor]) {
  return major > 26 || (major === 26 && minor >= 10);
}

if (process.versions.bun) {
  install(!COUNTING.includes(task));
  process.argv = [process.execPath, root + entry, ...fixed, ...given];
  await import(pathToFileURL(root + entry).href);
} else if (isNewEnough(process.versions.node.split(".").map(Number))) {
  install(!COUNTING.includes(task));
  // The task replaces this process, so that it gets the signals.
  const args = [root + entry, ...fixed, ...given];
  process.execve(process.execPath, [process.execPath, ...args], process.env);
} else {
  console.error(
    `Node ${process.versions.node} is too old: running on Deno from npm (about 42 MB, once) ...`,
  );
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
