import type nodeProcess from "node:process";
import { messageLine } from "../host/message.ts";
import { Memory } from "../memory/memory.ts";
import { errno, systemError } from "../runtime/c/errno.ts";
import { adapter, libc } from "../runtime/mod.ts";
import { Gate } from "./gate.ts";
import { regions } from "./layout.ts";
import { Manager, type ManagerRequest } from "./manager.ts";
import { work, type WorkerMessage, type WorkerSpec } from "./worker.ts";

/** The role of a child process: one worker, several worker threads, or the manager. */
export type HostSpec =
  | { readonly role: "worker"; readonly coordinator: number; readonly worker: WorkerSpec }
  | {
    readonly role: "threads";
    readonly coordinator: number;
    readonly threads: readonly WorkerSpec[];
  }
  | { readonly role: "manager"; readonly coordinator: number; readonly socket: string };

/** A message of a child process: of one of its workers, or that the manager serves. */
export type ChildMessage = WorkerMessage | { readonly kind: "serving" };

const PR_SET_PDEATHSIG = 1;
const SIGKILL = 9;

/** Whether a process of this system can call the C library of Linux, and map memory. */
const IS_LINUX = adapter.platform === "linux";

/**
 * Makes the kernel kill this process when the coordinator dies, even if this thread is busy.
 * Elsewhere than on Linux, {@linkcode hostThreads} ends when its input does.
 */
export function dieWith(coordinator: number): void {
  if (!IS_LINUX) return;
  libc.prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (libc.getppid() !== coordinator) adapter.exit(1); // It died before the call.
}

/**
 * Sends a message to the coordinator: one line, written before this returns. Uses the C
 * library, since loading `node:fs` takes as long as starting the runtime.
 */
export function say(message: ChildMessage): void {
  let bytes = new TextEncoder().encode(messageLine(message));
  if (!IS_LINUX) return writeSync(bytes);
  while (bytes.length > 0) {
    const written = libc.write(1, bytes, bytes.length);
    if (written < 0) throw systemError("write to", "the coordinator", errno());
    bytes = bytes.subarray(written);
  }
}

/** Writes to the standard output by the file system of the runtime. */
function writeSync(bytes: Uint8Array): void {
  // SAFETY: the three runtimes have `process`, with `node:fs`.
  const { process } = globalThis as unknown as { process: typeof nodeProcess };
  const { writeSync } = process.getBuiltinModule("node:fs");
  for (let done = 0; done < bytes.length;) done += writeSync(1, bytes, done);
}

/** The first message to a thread; the manager's answers follow, as numbers. */
export interface ThreadStart {
  readonly spec: WorkerSpec;
  readonly handle: Memory["handle"];
}

/** A message of a thread: for the coordinator, or a request to the manager. */
export type ThreadMessage = { readonly say: WorkerMessage } | { readonly ask: ManagerRequest };

/** Runs one worker in this process. */
export async function hostWorker(spec: WorkerSpec): Promise<void> {
  const { byteLength } = regions(spec.workers);
  const memory = Memory.map(spec.memory!, byteLength);
  await work(spec, memory, {
    send: say,
    ask: () => Promise.reject(new Error("Cannot ask the manager without its socket")),
  });
}

/**
 * Runs workers as threads of this process, which opens the gate itself if the memory is its own.
 */
export async function hostThreads(specs: readonly WorkerSpec[], module: URL): Promise<void> {
  const { workers, memory: path } = specs[0];
  const memory = path === undefined ? Memory.anonymous(regions(workers).byteLength) : undefined;
  const manager = new Manager();
  if (memory !== undefined) {
    const [{ createInterface }, { default: process }] = await Promise.all([
      import("node:readline"),
      import("node:process"),
    ]);
    const input = createInterface({ input: process.stdin });
    input.on("line", () => new Gate(memory, workers).open());
    if (!IS_LINUX) input.on("close", () => adapter.exit(1)); // The coordinator died.
  }
  await Promise.all(specs.map((spec) =>
    new Promise<void>((resolve, reject) => {
      const thread = adapter.spawnWorker(module);
      thread.onError(reject);
      thread.onMessage((message) => {
        const told = message as ThreadMessage;
        if ("ask" in told) return manager.handle(told.ask, (n) => thread.postMessage(n));
        say(told.say);
        if (told.say.kind !== "ready") resolve();
      });
      thread.postMessage({ spec, handle: memory?.handle } satisfies ThreadStart);
    })
  ));
}
