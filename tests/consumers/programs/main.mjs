/** Runs the parts that its arguments name, such as `workers` or `redis=URL`. */
import process from "node:process";
import * as parts from "./parts.mjs";

const [program, ...given] = process.argv.slice(1);
// The worker is beside the program, in sources as in bundles and executables.
const worker = program.replace(/main(\.\w+)?$/, "worker$1");
const isExecutable = program.startsWith("/$bunfs/");
const flags = "Deno" in globalThis ? ["run", "-A"] : process.execArgv;
const self = isExecutable ? [process.execPath] : [process.execPath, ...flags, program];

const run = {
  entries: parts.testEntries,
  workers: () => parts.testWorkers(worker),
  wait: () => parts.testAwaitedWait(worker),
  files: () => parts.testFiles(worker),
  processes: () => parts.testProcesses(self),
  "without-redis": parts.testMissingRedis,
  "without-c": parts.testWithoutC,
  redis: parts.testRedis,
};

async function main() {
  if (given[0] === "child") return parts.runChild(given[1]);
  for (const argument of given) {
    const [name, value] = argument.split(/=(.*)/s);
    await run[name](value);
    console.log(name);
  }
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
