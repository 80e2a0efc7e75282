/**
 * Holds a mutex until it is killed: `holder.ts MEMORY`. Tells when it is ready; after a line of
 * input it acquires the mutex and tells when it got it.
 *
 * @module
 */
import process from "node:process";
import { dieWith } from "../../src/counting/host.ts";
import { messageLine } from "../../src/host/message.ts";
import { Memory, Mutex } from "../../src/memory/mod.ts";
import { monotonicNanoseconds } from "../../src/runtime/mod.ts";

/** Tells the time. */
const tell = () => console.log(messageLine(monotonicNanoseconds()).trimEnd());

dieWith(process.ppid);
const mutex = new Mutex(Memory.map(process.argv[2], 4096), 0);
tell();
process.stdin.once("data", () => {
  mutex.lock();
  tell();
});
