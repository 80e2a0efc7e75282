import { UnsupportedError } from "../../contract/errors.ts";
import { LIBC_NAMES, openFirst, STILL_WORKS } from "./libraries.ts";
import type {
  Adapter,
  CFunctions,
  CSignature,
  CSignatures,
  Endpoint,
  HelperThread,
  WorkerThread,
} from "./port.ts";
import { errorOf, onceListening, parentOf, type WebEndpoint, workerOf } from "./web_workers.ts";

const NATIVE = { i32: "i32", u32: "u32", i64: "i64", pointer: "usize", bytes: "buffer" } as const;

type Native = (...args: unknown[]) => number | bigint;

/** Whether all of the permission was granted: with some paths of it, Deno permits no pointers. */
const isGranted = ({ state, partial }: Deno.PermissionStatus) => state === "granted" && !partial;

const mayCall = () => isGranted(Deno.permissions.querySync({ name: "ffi" }));

let mayLoad = false;

/**
 * Asks for the permission once, if there is a terminal; `dlopen` itself would ask for each library.
 */
function requirePermission(): void {
  mayLoad ||= mayCall() || isGranted(Deno.permissions.requestSync({ name: "ffi" }));
  if (mayLoad) return;
  throw new UnsupportedError(
    "Cannot call the C library: Deno was started without --allow-ffi, or with it for some paths " +
      `only. Add that flag, without a path. ${STILL_WORKS}`,
  );
}

/** Deno returns 64-bit results as bigint; the port promises numbers. */
function narrow(native: Native, { parameters, result }: CSignature): Native {
  if (result !== "i64" && result !== "pointer") return native;
  switch (parameters.length) { // Of fixed length: a spread costs as much as the system call.
    case 0:
      return () => Number(native());
    case 2:
      return (a, b) => Number(native(a, b));
    case 3:
      return (a, b, c) => Number(native(a, b, c));
    default:
      return (...args) => Number(native(...args));
  }
}

/** Reads a result from the struct that contains nothing else. */
function unpack(native: (...args: unknown[]) => Uint8Array, { result }: CSignature): Native {
  return (...args) => {
    const { buffer } = native(...args);
    if (result === "i32") return new Int32Array(buffer)[0];
    if (result === "u32") return new Uint32Array(buffer)[0];
    return Number(new BigInt64Array(buffer)[0]);
  };
}

function bind<const S extends CSignatures>(
  signatures: S,
  libraries: readonly string[] = LIBC_NAMES,
  seldom = false,
): CFunctions<S> {
  const definitions: Record<string, Deno.ForeignFunction> = {};
  for (const [name, { parameters, result }] of Object.entries(signatures)) {
    definitions[name] = {
      parameters: parameters.map((type) => NATIVE[type]),
      // Deno compiles a call of each function as it binds it, unless the function returns a struct.
      // SAFETY: a struct of one integer is returned as the integer (x86-64 and arm64).
      result: seldom ? { struct: [NATIVE[result]] } : NATIVE[result],
    };
  }
  requirePermission();
  const symbols = openFirst(
    libraries,
    Deno.build.target,
    // SAFETY: a definition must be that of the C function; Deno checks neither types nor lengths.
    (name) => Deno.dlopen(name, definitions).symbols as unknown as Record<string, Native>,
  );
  return Object.fromEntries(
    Object.entries(signatures).map(([name, signature]) => [
      name,
      // SAFETY: Deno returns a struct as its bytes.
      seldom ? unpack(symbols[name] as never, signature) : narrow(symbols[name], signature),
    ]),
  ) as CFunctions<S>;
}

function addressOf(bytes: Uint8Array): number {
  // SAFETY: see the port: the caller keeps `bytes` alive and passes memory that does not move.
  return Number(Deno.UnsafePointer.value(Deno.UnsafePointer.of(bytes as Uint8Array<ArrayBuffer>)));
}

function bufferAt(address: number, size: number): ArrayBuffer {
  const pointer = Deno.UnsafePointer.create(BigInt(address));
  if (pointer === null) throw new TypeError("Cannot map memory as a buffer: its address is null");
  // SAFETY: see the port: the memory stays mapped as long as the buffer is used.
  return Deno.UnsafePointerView.getArrayBuffer(pointer, size);
}

function spawnWorker(module: URL): WorkerThread {
  const worker = new Worker(module, { type: "module" });
  return {
    ...workerOf(worker),
    onError: (receive) => {
      worker.onerror = (event) => {
        event.preventDefault();
        receive(errorOf(event));
      };
    },
    terminate: () => worker.terminate(),
  };
}

/**
 * A worker of Deno's `node:worker_threads`: a Web Worker of Deno always keeps the process alive.
 */
interface NodeWorker {
  postMessage(message: unknown): void;
  on(event: "message" | "error" | "exit", receive: (what: unknown) => void): void;
  terminate(): Promise<number>;
  ref(): void;
  unref(): void;
}

/** Starts a helper by Node's module, whose loading takes 40 ms once; few programs need helpers. */
function spawnHelper(module: URL): HelperThread {
  // SAFETY: Deno has `process`, and Node's `Worker` has the methods of {@linkcode NodeWorker}.
  const { process } = globalThis as unknown as {
    process: {
      getBuiltinModule(name: string): {
        Worker: new (module: URL, options: { env: object }) => NodeWorker;
      };
    };
  };
  const { Worker } = process.getBuiltinModule("node:worker_threads");
  // Without the environment, since Deno needs a permission to read it.
  const worker = new Worker(module, { env: {} });
  const { postMessage, hear } = onceListening((message) => worker.postMessage(message));
  return {
    postMessage,
    onMessage: (receive) => {
      worker.on("message", (message) => {
        if (hear(message)) receive(message);
      });
    },
    onError: (receive) => {
      worker.on("error", (error) => {
        receive(error instanceof Error ? error : new Error(String(error)));
      });
    },
    onEnd: (listen) => {
      worker.on("error", listen);
      worker.on("exit", listen);
    },
    terminate: () => void worker.terminate(),
    ref: () => worker.ref(),
    unref: () => worker.unref(),
  };
}

function parentThread(): Endpoint | undefined {
  // Of a worker's scope, a worker of `node:worker_threads` has only this.
  if (!("postMessage" in globalThis)) return undefined;
  // SAFETY: a scope with `postMessage` is that of a worker, which has both members.
  return parentOf(globalThis as unknown as WebEndpoint);
}

/** The port on Deno's own foreign functions and Web Workers. */
export const denoAdapter = (): Adapter => ({
  name: "deno",
  get version() {
    return Deno.version.deno;
  },
  platform: Deno.build.os === "windows" ? "win32" : Deno.build.os,
  arch: Deno.build.arch === "x86_64" ? "x64" : "arm64",
  pid: Deno.pid,
  args: Deno.args,
  exit: (status) => Deno.exit(status),
  setting(variable) {
    const isReadable = isGranted(Deno.permissions.querySync({ name: "env", variable }));
    return isReadable ? Deno.env.get(variable) : undefined;
  },
  mapping: "over-wasm",
  mayCallC: () => Deno.build.os === "linux" && mayCall(),
  bind,
  addressOf,
  bufferAt,
  spawnWorker,
  spawnHelper,
  parentThread,
});
