import type nodeProcess from "node:process";
import type * as nodeThreads from "node:worker_threads";
import { UnsupportedError } from "../../contract/errors.ts";
import { STILL_WORKS } from "./libraries.ts";
import { nodeFFI } from "./node_ffi.ts";
import { nodeKoffi } from "./node_koffi.ts";
import type { Adapter, CAccess, Endpoint, HelperThread } from "./port.ts";

// Set by {@linkcode nodeAdapter}, since the other runtimes load this module as well.
let process: typeof nodeProcess;
let threads: typeof nodeThreads;

let access: CAccess | undefined;

/** The calls of C, made at the first use: by `node:ffi` if this Node has and permits it, else by koffi. */
function c(): CAccess {
  if (access !== undefined) return access;
  let failure: NodeJS.ErrnoException | undefined;
  try {
    access = nodeFFI(process) ?? nodeKoffi(process);
    if (access !== undefined) return access;
  } catch (error) {
    failure = error as NodeJS.ErrnoException;
    if (failure.syscall !== undefined) throw failure; // Such as EMFILE.
  }
  throw new UnsupportedError(`Cannot call the C library: ${missing(failure)}. ${STILL_WORKS}`, {
    cause: failure,
  });
}

/**
 * What is missing for calls of C, and what to do.
 *
 * @param failure Why koffi cannot be loaded, if it is installed.
 */
function missing(failure: NodeJS.ErrnoException | undefined): string {
  const { permission, versions, getBuiltinModule } = process;
  if (getBuiltinModule("node:module").isBuiltin("node:ffi")) {
    return "Node was started with --permission and without --allow-ffi. Add that flag";
  }
  const problem = `Node ${versions.node} has no node:ffi`;
  const or = "or use Node 26.10 or later, without --no-experimental-ffi";
  if (failure === undefined) return `${problem}. Install koffi (npm install koffi), ${or}`;
  const advice = permission !== undefined
    ? "Add --allow-addons, and --allow-fs-read for its folder"
    : failure.code === "ERR_DLOPEN_DISABLED"
    ? "Start Node without --no-addons"
    : "Install it again";
  const reason = failure.message.replace(/\.$/, "");
  return `${problem}, and koffi cannot be loaded: ${reason}. ${advice}, ${or}`;
}

function mayCallC(): boolean {
  try {
    c().bind({ getpid: { parameters: [], result: "i32" } });
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

/** The port on calls of C ({@linkcode c}) and `node:worker_threads`. */
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
    bind: (signatures, libraries) => c().bind(signatures, libraries),
    addressOf: (bytes) => c().addressOf(bytes),
    bufferAt: (address, size) => c().bufferAt(address, size),
    spawnWorker,
    spawnHelper: spawnWorker,
    onExit: (listener) => void process.on("exit", listener),
    parentThread,
  };
}
