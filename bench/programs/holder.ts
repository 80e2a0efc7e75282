/**
 * Holds a mutex until it is killed: `holder.ts MEMORY`. Prints a line when it is ready; after a line
 * of input it acquires the mutex and prints when it got it.
 *
 * @module
 */
import process from "node:process";
import { dieWith } from "../../src/counting/host.ts";
import { Memory, Mutex } from "../../src/memory/mod.ts";
import { monotonicNanoseconds } from "../../src/runtime/mod.ts";

dieWith(process.ppid);
const mutex = new Mutex(Memory.map(process.argv[2], 4096), 0);
console.log(monotonicNanoseconds());
process.stdin.once("data", () => {
  mutex.lock();
  console.log(monotonicNanoseconds());
});
