/**
 * A process with a workload of a stress test, its argument in JSON. Prints "ready", starts when it
 * reads a line, and prints "done".
 *
 * @module
 */
import process from "node:process";
import { prepare } from "./workload.ts";

const run = prepare(JSON.parse(process.argv[2]));
process.stdin.once("data", async () => {
  await run();
  process.stdout.write("done\n", () => process.exit(0));
});
process.stdout.write("ready\n");
