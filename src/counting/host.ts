import { Memory } from "../memory/memory.ts";
import { errno, systemError } from "../runtime/errno.ts";
import { adapter, libc } from "../runtime/mod.ts";
import { Gate } from "./gate.ts";
import { regions } from "./layout.ts";
import { Manager, type ManagerRequest } from "./manager.ts";
import { work, type WorkerMessage, type WorkerSpec } from "./worker.ts";

/** What a child process of the coordinator is: a worker, the home of several, or the manager. */
export type HostSpec =
  | { readonly role: "worker"; readonly coordinator: number; readonly worker: WorkerSpec }
  | {
    readonly role: "threads";
    readonly coordinator: number;
    readonly threads: readonly WorkerSpec[];
  }
  | { readonly role: "manager"; readonly coordinator: number; readonly socket: string };

const PR_SET_PDEATHSIG = 1;
const SIGKILL = 9;

/** Has the kernel kill this process with the coordinator, whatever this thread is doing then. */
export function dieWith(coordinator: number): void {
  libc.prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (libc.getppid() !== coordinator) adapter.exit(1); // It died before the call.
}

/**
 * Says something to the coordinator: one line of JSON, written before this returns. By the C
 * library, since `node:fs` takes as long to load as the runtime takes to start.
 */
export function say(message: WorkerMessage): void {
  let bytes = new TextEncoder().encode(`${JSON.stringify(message)}\n`);
  while (bytes.length > 0) {
    const written = libc.write(1, bytes, bytes.length);
    if (written < 0) throw systemError("write to", "the coordinator", errno());
    bytes = bytes.subarray(written);
  }
}

/** What a thread is sent first; then come answers of the manager, as numbers. */
export interface ThreadStart {
  readonly spec: WorkerSpec;
  readonly handle: Memory["handle"];
}

/** What a thread says: a message for the coordinator, or a question to the manager. */
export type ThreadMessage = { readonly say: WorkerMessage } | { readonly ask: ManagerRequest };

/** A process that is one worker. */
export async function hostWorker(spec: WorkerSpec): Promise<void> {
  const { byteLength } = regions(spec.workers);
  const memory = Memory.map(spec.memory!, byteLength);
  await work(spec, memory, {
    send: say,
    ask: () => Promise.reject(new Error("A process reaches its manager by a socket")),
  });
}

/** A process whose threads are the workers. It opens the gate itself where the memory is its own. */
export async function hostThreads(specs: readonly WorkerSpec[], module: URL): Promise<void> {
  const { workers, memory: path } = specs[0];
  const memory = path === undefined ? Memory.anonymous(regions(workers).byteLength) : undefined;
  const manager = new Manager();
  if (memory !== undefined) {
    const [{ createInterface }, { default: process }] = await Promise.all([
      import("node:readline"),
      import("node:process"),
    ]);
    createInterface({ input: process.stdin }).on("line", () => new Gate(memory, workers).open());
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
