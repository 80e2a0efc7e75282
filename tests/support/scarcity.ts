import { readdirSync } from "node:fs";
import process from "node:process";
import { adapter, libc } from "../../src/runtime/mod.ts";

const RLIMIT_NPROC = 6;
const RLIMIT_NOFILE = 7;
/** A low limit, so that a few open files reach it. */
const MOST = 256;

function limit(resource: number, soft: number): void {
  const { getrlimit, setrlimit } = adapter.bind({
    getrlimit: { parameters: ["i32", "bytes"], result: "i32" },
    setrlimit: { parameters: ["i32", "bytes"], result: "i32" },
  });
  const limits = new BigUint64Array(2);
  const bytes = new Uint8Array(limits.buffer);
  getrlimit(resource, bytes);
  limits[0] = BigInt(soft);
  if (setrlimit(resource, bytes) !== 0) throw new Error(`Cannot set limit ${resource} to ${soft}`);
}

/**
 * Makes Deno open files and start a thread for its signals. It does so itself half a second after its
 * start, and panics if it cannot.
 */
function openSignals(): void {
  const listener = () => {};
  process.on("SIGUSR2", listener).off("SIGUSR2", listener);
}

/** Opens files until this process can open `count` more; returns a function that closes them. */
export function leaveDescriptors(count: number): () => void {
  openSignals();
  limit(RLIMIT_NOFILE, MOST);
  const path = new TextEncoder().encode("/dev/null\0");
  const opened: number[] = [];
  for (let fd = libc.open(path, 0, 0); fd >= 0; fd = libc.open(path, 0, 0)) opened.push(fd);
  if (opened.length < count) throw new Error(`There were ${opened.length} descriptors`);
  // The free ones lie in between, as in a process that has run for long.
  for (const fd of opened.splice(0, count)) libc.close(fd);
  return () => {
    for (const fd of opened.splice(0)) libc.close(fd);
  };
}

/** Makes the runtime start its own threads, which it cannot do without: for signals, for collecting. */
function startEngine(): void {
  openSignals();
  let sum = 0;
  for (let i = 0; i < 3e7; i++) sum += i % 7;
  const objects: object[] = [];
  for (let i = 0; i < 3e6; i++) objects.push({ i, sum });
}

/** Lets this user start `count` more threads, if it has no others. Root has no such limit. */
export function leaveThreads(count: number): void {
  startEngine();
  limit(RLIMIT_NPROC, readdirSync("/proc/self/task").length + count);
}

/** Lets this user start no more threads. */
export function leaveNoThreads(): void {
  startEngine();
  limit(RLIMIT_NPROC, 1);
}
