import type nodeProcess from "node:process";
import type * as nodeThreads from "node:worker_threads";
import { UnsupportedError } from "../../contract/errors.ts";
import { STILL_WORKS } from "./libraries.ts";
import { nodeFFI } from "./node_ffi.ts";
import { inheritedKoffi, nodeKoffi } from "./node_koffi.ts";
import type { Adapter, CAccess, Endpoint, HelperThread } from "./port.ts";

// Set by {@linkcode nodeAdapter}, since the other runtimes load this module as well.
let process: typeof nodeProcess;

/** Loaded at the first use, which takes Node 1.4 ms. */
const threads = () => process.getBuiltinModule("node:worker_threads") as typeof nodeThreads;

let access: CAccess | undefined;

/** Whether this is no worker: in a worker, process.chdir() is not available. */
function isMainThread(): boolean {
  try {
    process.chdir(".");
  } catch (error) {
    return (error as { code?: string }).code !== "ERR_WORKER_UNSUPPORTED_OPERATION";
  }
  return true;
}

/**
 * The calls of C, made at the first use: by `node:ffi` if this Node has and permits it, else by
 * koffi.
 */
function c(): CAccess {
  if (access !== undefined) return access;
  let failure: NodeJS.ErrnoException | undefined;
  try {
    // A helper has none of the flags with which the program may have disabled node:ffi.
    const mayUseFFI = isMainThread() || inheritedKoffi(process) === undefined;
    access = (mayUseFFI ? nodeFFI(process) : undefined) ?? nodeKoffi(process);
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
    c().bind({ getpid: { parameters: [], result: "i32" } }, undefined, true);
    return true;
  } catch {
    return false;
  }
}

function spawnWorker(module: URL, options?: nodeThreads.WorkerOptions): HelperThread {
  // This throws if no thread can be started.
  const worker = new (threads().Worker)(module, options);
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
    terminate: () => void worker.terminate(),
  };
}

function parentThread(): Endpoint | undefined {
  const { parentPort: port } = threads();
  if (port === null) return undefined;
  return {
    postMessage: (message) => port.postMessage(message),
    onMessage: (receive) => void port.on("message", receive),
  };
}

/** The port on calls of C ({@linkcode c}) and `node:worker_threads`. */
export function nodeAdapter(): Adapter {
  // SAFETY: Node has `process`.
  ({ process } = globalThis as unknown as { process: typeof nodeProcess });
  return {
    name: "node",
    version: process.versions.node,
    platform: process.platform,
    arch: process.arch,
    pid: process.pid,
    args: process.argv.slice(2),
    exit: (status) => process.exit(status),
    setting: (name) => process.env[name],
    mapping: "over-wasm",
    mayCallC,
    bind: (signatures, libraries, seldom) => c().bind(signatures, libraries, seldom),
    addressOf: (bytes) => c().addressOf(bytes),
    bufferAt: (address, size) => c().bufferAt(address, size),
    spawnWorker: (module) => spawnWorker(module),
    // Without `--import` and `--require`, also of NODE_OPTIONS: a module that waits for a lock
    // would start a helper in each helper.
    spawnHelper: (module) => spawnWorker(module, { execArgv: [], env: {} }),
    onExit: (listener) => void process.on("exit", listener),
    parentThread,
  };
}
