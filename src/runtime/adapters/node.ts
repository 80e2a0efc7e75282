import type nodeProcess from "node:process";
import type * as nodeThreads from "node:worker_threads";
import { UnsupportedError } from "../../contract/errors.ts";
import { LIBC_NAMES } from "./libc_names.ts";
import type { NodeCalls } from "./node_calls.ts";
import { nodeFfi } from "./node_ffi.ts";
import { nodeKoffi } from "./node_koffi.ts";
import type { Adapter, CFunctions, CSignatures, Endpoint, HelperThread } from "./port.ts";

// Set by {@linkcode nodeAdapter}, since the other runtimes load this module as well.
let process: typeof nodeProcess;
let threads: typeof nodeThreads;

const STILL = "Anonymous memory for the workers of this process still works";

/** With `node:ffi` if this Node has it and permits it, else with koffi. */
function load(): NodeCalls {
  const ffi = nodeFfi(process);
  const isDenied = ffi !== undefined && process.permission?.has("ffi") === false;
  if (ffi !== undefined && !isDenied) return ffi;
  let problem = `Node ${process.versions.node} has no node:ffi`;
  let advice = "Install koffi (npm install koffi), or use Node 26.10 or later, without " +
    "--no-experimental-ffi";
  let failure: unknown;
  try {
    const koffi = nodeKoffi(process);
    if (koffi !== undefined) return koffi;
  } catch (error) {
    failure = error;
    problem += `, and koffi cannot be loaded: ${(error as Error).message.replace(/\.$/, "")}`;
    advice = process.permission === undefined
      ? "Start Node without --no-addons, or reinstall koffi"
      : "Add --allow-addons, and --allow-fs-read for its folder";
  }
  if (isDenied) {
    problem = "Node was started with --permission and without --allow-ffi";
    advice = "Add that flag";
  }
  throw new UnsupportedError(`Cannot call the C library: ${problem}. ${advice}. ${STILL}`, {
    cause: failure,
  });
}

let loaded: NodeCalls | undefined;
function calls(): NodeCalls {
  return loaded ??= load();
}

function bind<const S extends CSignatures>(
  signatures: S,
  libraries: readonly string[] = LIBC_NAMES,
): CFunctions<S> {
  const { bind } = calls();
  let failure: unknown;
  for (const library of libraries) {
    try {
      return bind(signatures, library);
    } catch (error) {
      failure = error;
    }
  }
  throw new UnsupportedError(
    `Cannot load ${libraries[0]} on ${process.platform} ${process.arch}: the system has no such ` +
      `library. ${STILL}`,
    { cause: failure },
  );
}

function mayCallC(): boolean {
  try {
    bind({ getpid: { parameters: [], result: "i32" } });
    return true;
  } catch {
    return false;
  }
}

/** The data that a worker is started with. */
interface Start {
  /** Its word becomes 1 when the module has run. */
  readonly interlockLoaded: Int32Array;
}

/** The longest time that an end waits for a worker to load, in milliseconds. */
const LOAD_MS = 5000;

/** The words of the workers that may be loading. */
const loading = new Set<Int32Array>();

function waitForLoading(): void {
  const end = performance.now() + LOAD_MS;
  for (const loaded of loading) {
    Atomics.wait(loaded, 0, 0, Math.max(0, end - performance.now()));
  }
}

/**
 * Starts a worker. V8 aborts if a thread is ended while modules with a top-level `await` run (a check
 * in `SourceTextModule::AsyncModuleExecutionFulfilled`), so the end of the process or of the worker
 * waits until the worker has loaded.
 */
function spawnWorker(module: URL): HelperThread {
  const loaded = new Int32Array(new SharedArrayBuffer(4));
  // This throws if no thread can be started.
  const worker = new threads.Worker(module, {
    workerData: { interlockLoaded: loaded } satisfies Start,
  });
  if (loading.size === 0) process.off("exit", waitForLoading).on("exit", waitForLoading);
  loading.add(loaded);
  worker.on("exit", () => void loading.delete(loaded));
  return {
    ref: () => worker.ref(),
    unref: () => worker.unref(),
    postMessage: (message) => worker.postMessage(message),
    onMessage: (receive) => worker.on("message", receive),
    onError: (receive) => {
      // A worker can throw anything.
      worker.on("error", (error: unknown) => {
        receive(error instanceof Error ? error : new Error(String(error)));
      });
    },
    onEnd: (listen) => {
      worker.on("error", listen);
      worker.on("exit", listen);
    },
    terminate: () => {
      const { value } = Atomics.waitAsync(loaded, 0, 0, LOAD_MS);
      if (typeof value === "string") void worker.terminate();
      else void value.then(() => worker.terminate());
    },
  };
}

function parentThread(): Endpoint | undefined {
  const { parentPort: port, workerData } = threads;
  if (port === null) return undefined;
  return {
    postMessage: (message) => port.postMessage(message),
    onMessage: (receive) => {
      port.on("message", receive);
      const loaded = (workerData as Start | null)?.interlockLoaded;
      if (loaded === undefined) return;
      setImmediate(() => { // Runs when all of the module has run.
        Atomics.store(loaded, 0, 1);
        Atomics.notify(loaded, 0);
      });
    },
  };
}

/** The port on `node:ffi` or koffi, and on `node:worker_threads`. */
export function nodeAdapter(): Adapter {
  // SAFETY: Node has `process`.
  ({ process } = globalThis as unknown as { process: typeof nodeProcess });
  threads = process.getBuiltinModule("node:worker_threads");
  return {
    name: "node",
    version: process.versions.node,
    platform: process.platform,
    arch: process.arch,
    pid: process.pid,
    args: process.argv.slice(2),
    exit: (status) => process.exit(status),
    mapping: "over-wasm",
    mayCallC,
    bind,
    addressOf: (bytes) => calls().addressOf(bytes),
    bufferAt: (address, size) => calls().bufferAt(address, size),
    spawnWorker,
    spawnHelper: spawnWorker,
    onExit: (listener) => void process.on("exit", listener),
    parentThread,
  };
}
