import type nodeProcess from "node:process";
import { LIBC_NAMES, openFirst } from "./libraries.ts";
import type { Adapter, CFunctions, CSignatures, Endpoint, HelperThread } from "./port.ts";
import { errorOf, parentOf, type WebEndpoint, workerOf } from "./web_workers.ts";

/** The part of `bun:ffi` that is used here; other runtimes cannot resolve its types. */
interface BunFFI {
  dlopen(
    name: string,
    symbols: Record<string, { args: string[]; returns: string }>,
  ): { symbols: Record<string, (...args: unknown[]) => number> };
  ptr(bytes: Uint8Array): number;
  toArrayBuffer(address: number, offset: number, size: number): ArrayBuffer;
}

interface BunWorker extends WebEndpoint {
  onerror: ((event: ErrorEvent) => void) | null;
  addEventListener(event: "close", listen: () => void): void;
  terminate(): void;
  ref(): void;
  unref(): void;
}

// SAFETY: only Bun uses these, and it has both; in other runtimes they may be undefined.
const { Bun, Worker } = globalThis as unknown as {
  Bun: { version: string; isMainThread: boolean };
  Worker: new (module: URL, options: { type: "module" }) => BunWorker;
};

// SAFETY: `i64_fast` gives a number for results within 2^53, and no call here gives a greater one.
const ARGUMENT = { i32: "i32", u32: "u32", i64: "i64", pointer: "ptr", bytes: "ptr" } as const;
const RESULT = { i32: "i32", u32: "u32", i64: "i64_fast", pointer: "i64_fast" } as const;

// Set by {@linkcode bunAdapter}, since the other runtimes load this module as well.
let process: typeof nodeProcess;
let ffi: BunFFI;

function bind<const S extends CSignatures>(
  signatures: S,
  libraries: readonly string[] = LIBC_NAMES,
): CFunctions<S> {
  const symbols = Object.fromEntries(
    Object.entries(signatures).map(([name, { parameters, result }]) => [
      name,
      { args: parameters.map((type) => ARGUMENT[type]), returns: RESULT[result] },
    ]),
  );
  // SAFETY: a signature must be that of the C function; Bun checks neither types nor lengths.
  return openFirst(
    libraries,
    `${process.platform} ${process.arch}`,
    (name) => ffi.dlopen(name, symbols).symbols as unknown as CFunctions<S>,
  );
}

function spawnWorker(module: URL): HelperThread {
  const worker = new Worker(module, { type: "module" });
  return {
    ...workerOf(worker),
    onError: (receive) => {
      worker.onerror = (event) => receive(errorOf(event));
    },
    onEnd: (listen) => {
      worker.onerror = listen;
      worker.addEventListener("close", listen);
    },
    terminate: () => worker.terminate(),
    ref: () => worker.ref(),
    unref: () => worker.unref(),
  };
}

function parentThread(): Endpoint | undefined {
  // SAFETY: the global scope of a worker of Bun has both members.
  return Bun.isMainThread ? undefined : parentOf(globalThis as unknown as WebEndpoint);
}

/** The port on `bun:ffi` and Bun's Web Workers. */
export function bunAdapter(): Adapter {
  // SAFETY: Bun has `process`, and `bun:ffi` has the functions of {@linkcode BunFFI}.
  ({ process } = globalThis as unknown as { process: typeof nodeProcess });
  ffi = process.getBuiltinModule("bun:ffi") as unknown as BunFFI;
  return {
    name: "bun",
    version: Bun.version,
    platform: process.platform,
    arch: process.arch,
    pid: process.pid,
    args: process.argv.slice(2),
    exit: (status) => process.exit(status),
    mapping: "plain",
    // It reads `.env` files too, whose variables the C library does not know.
    variable: (name) => process.env[name],
    setting: (name) => process.env[name],
    mayCallC: () => process.platform === "linux",
    bind,
    // SAFETY: see the port: the caller keeps `bytes` alive and passes memory that does not move.
    addressOf: (bytes) => ffi.ptr(bytes),
    // SAFETY: see the port: the memory stays mapped as long as the buffer is used.
    bufferAt: (address, size) => ffi.toArrayBuffer(address, 0, size),
    spawnWorker,
    spawnHelper: spawnWorker,
    parentThread,
  };
}
