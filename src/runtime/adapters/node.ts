import type nodeProcess from "node:process";
import type * as nodeThreads from "node:worker_threads";
import { UnsupportedError } from "../../contract/errors.ts";
import { LIBC_NAMES } from "./libc_names.ts";
import type {
  Adapter,
  CFunctions,
  CSignature,
  CSignatures,
  Endpoint,
  HelperThread,
} from "./port.ts";

type Native = (...args: unknown[]) => number | bigint;

/** The part of `node:ffi` that is used here; the types of older versions lack it. */
interface NodeFFI {
  dlopen(
    name: string,
    definitions: Record<string, { arguments: string[]; return: string }>,
  ): { functions: Record<string, Native> };
  getRawPointer(source: ArrayBufferLike | ArrayBufferView): bigint;
  toArrayBuffer(address: bigint, size: number, copy: boolean): ArrayBuffer;
}

// Set by {@linkcode nodeAdapter}, since the other runtimes load this module as well.
let process: typeof nodeProcess;
let threads: typeof nodeThreads;

const NATIVE = { i32: "i32", u32: "u32", i64: "i64", pointer: "pointer", bytes: "buffer" } as const;

const STILL = "Anonymous memory for the workers of this process still works";

function load(): NodeFFI {
  let failure: unknown;
  try {
    // SAFETY: `node:ffi` has the functions of {@linkcode NodeFFI} since Node 26.10.
    const ffi = process.getBuiltinModule("node:ffi") as unknown as NodeFFI | undefined;
    if (ffi !== undefined) {
      // With fast calls, V8 crashes now and then as it compiles calls of `node:ffi` (Node 26.10).
      process.getBuiltinModule("node:v8").setFlagsFromString("--no-turbo-fast-api-calls");
      return ffi;
    }
  } catch (error) {
    failure = error;
  }
  throw new UnsupportedError(
    `Cannot call the C library: Node ${process.versions.node} has no node:ffi. Use Node 26.10 or ` +
      `later, without --no-experimental-ffi. ${STILL}`,
    { cause: failure },
  );
}

let loaded: NodeFFI | undefined;
function ffi(): NodeFFI {
  return loaded ??= load();
}

function open(
  definitions: Parameters<NodeFFI["dlopen"]>[1],
  libraries: readonly string[],
): Record<string, Native> {
  const { dlopen } = ffi();
  let failure: unknown;
  for (const name of libraries) {
    try {
      // SAFETY: a definition must be that of the C function; Node checks neither types nor lengths.
      return dlopen(name, definitions).functions;
    } catch (error) {
      if ((error as { code?: string }).code === "ERR_ACCESS_DENIED") {
        throw new UnsupportedError(
          "Cannot call the C library: Node was started with --permission and without --allow-ffi. " +
            `Add that flag. ${STILL}`,
          { cause: error },
        );
      }
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

/** Node takes and returns bigint for 64-bit types; the port promises numbers. */
function narrow(native: Native, { parameters, result }: CSignature): Native {
  const wide = parameters.map((type) => type === "i64" || type === "pointer");
  const wideResult = result === "i64" || result === "pointer";
  if (!wideResult && !wide.includes(true)) return native;
  const widen = (i: number, value: unknown) => wide[i] ? BigInt(value as number) : value;
  switch (wide.length) { // Of fixed length: a spread costs as much as the system call.
    case 3:
      return (a, b, c) => Number(native(widen(0, a), widen(1, b), widen(2, c)));
    case 4:
      return (a, b, c, d) => Number(native(widen(0, a), widen(1, b), widen(2, c), widen(3, d)));
    case 5:
      return (a, b, c, d, e) =>
        Number(native(widen(0, a), widen(1, b), widen(2, c), widen(3, d), widen(4, e)));
    default:
      return (...args) => Number(native(...args.map((value, i) => widen(i, value))));
  }
}

function bind<const S extends CSignatures>(
  signatures: S,
  libraries: readonly string[] = LIBC_NAMES,
): CFunctions<S> {
  const entries = Object.entries(signatures);
  const definitions = entries.map(([name, { parameters, result }]) => [
    name,
    { arguments: parameters.map((type) => NATIVE[type]), return: NATIVE[result] },
  ]);
  const functions = open(Object.fromEntries(definitions), libraries);
  return Object.fromEntries(
    entries.map(([name, signature]) => [name, narrow(functions[name], signature)]),
  ) as CFunctions<S>;
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

/** The port on `node:ffi` and `node:worker_threads`. */
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
    // SAFETY: see the port: the caller keeps `bytes` alive and passes memory that does not move.
    addressOf: (bytes) => Number(ffi().getRawPointer(bytes.buffer)) + bytes.byteOffset,
    // SAFETY: see the port: the memory stays mapped as long as the buffer is used.
    bufferAt: (address, size) => ffi().toArrayBuffer(BigInt(address), size, false),
    spawnWorker,
    spawnHelper: spawnWorker,
    onExit: (listener) => void process.on("exit", listener),
    parentThread,
  };
}
