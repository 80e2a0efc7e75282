/**
 * The runtime port: all that the rest of the house knows of Deno, Bun and Node.
 *
 * An adapter (`deno.ts`, `bun.ts`, `node.ts`) implements {@linkcode Adapter} and nothing else;
 * every algorithm above it is written once.
 *
 * @module
 */

import type { LockFile } from "./lock_file.ts";

/** The runtimes Interlock runs in. */
export type RuntimeName = "deno" | "bun" | "node";

/**
 * A C type as the port speaks it. JavaScript sees a plain number for all but `bytes`:
 * addresses and 64-bit integers of the calls used here stay below 2^53.
 *
 * - `i32`, `u32`: 32-bit integers
 * - `i64`: a 64-bit integer, also `size_t`, `ssize_t` and `off_t`
 * - `pointer`: an address
 * - `bytes`: the address of a `Uint8Array`, valid during the call only
 */
export type CType = "i32" | "u32" | "i64" | "pointer" | "bytes";

/** The signature of one C function. */
export interface CSignature {
  /** Types of the parameters, in order. */
  readonly parameters: readonly CType[];
  /** Type of the result; `bytes` makes no sense here. */
  readonly result: Exclude<CType, "bytes">;
}

/** Signatures by the name of the C function. */
export type CSignatures = Readonly<Record<string, CSignature>>;

type Arguments<P extends readonly CType[]> = {
  -readonly [I in keyof P]: P[I] extends "bytes" ? Uint8Array : number;
};

/** The callable functions that {@linkcode Adapter.bind} makes of signatures. */
export type CFunctions<S extends CSignatures> = {
  readonly [Name in keyof S]: (...args: Arguments<S[Name]["parameters"]>) => number;
};

/** One side of a conversation between a thread and the worker it started. */
export interface Endpoint {
  /** Sends a structured clone of `message` to the other side. */
  postMessage(message: unknown): void;
  /** Sets the one receiver of messages from the other side. */
  onMessage(receive: (message: unknown) => void): void;
}

/** A Web Worker as its parent sees it. */
export interface WorkerThread extends Endpoint {
  /** Sets the one receiver of an error that nobody caught in the worker. */
  onError(receive: (error: Error) => void): void;
  /** Asks the runtime to end the thread; it may go on for a while after this returns. */
  terminate(): void;
}

/** A worker that serves its parent, and need not keep the process alive. */
export interface HelperThread extends WorkerThread {
  /** Keeps the process alive while the worker lives; the state at its start. */
  ref(): void;
  /** Lets the process end. */
  unref(): void;
  /** Sets the one listener of its end, with or without an error; it may be called twice. */
  onEnd(listen: () => void): void;
}

/** What each runtime provides. */
export interface Adapter {
  /** Which runtime this is. */
  readonly name: RuntimeName;
  /** Its version, such as `2.9.6`. */
  readonly version: string;
  /** The operating system, by Node's name for it: `linux`, `darwin`, `win32`. */
  readonly platform: string;
  /** The processor, by Node's name for it: `x64`, `arm64`. */
  readonly arch: string;
  /** The number of this process. */
  readonly pid: number;
  /** What this program was started with, after its own name. */
  readonly args: readonly string[];
  /** Ends the process at once. */
  exit(status: number): never;
  /**
   * How a file becomes shared memory: V8 has it mapped over the pages of a shared
   * `WebAssembly.Memory`; JavaScriptCore wraps a plain mapping, since it clears the pages of a
   * memory that it frees.
   */
  readonly mapping: "over-wasm" | "plain";
  /** Whether {@linkcode bind} finds the C library of Linux, without asking for a permission. */
  mayCallC(): boolean;
  /**
   * Finds functions in the C library of Linux, or in another one.
   *
   * @param libraries The names of its file, in the order to try.
   * @throws {UnsupportedError} If this runtime has no foreign functions, or may not use them.
   */
  bind<const S extends CSignatures>(signatures: S, libraries?: readonly string[]): CFunctions<S>;
  /** The address of the first byte of `bytes`, which must not be memory the collector may move. */
  addressOf(bytes: Uint8Array): number;
  /** Memory of the process that the collector does not own, as a buffer; not copied. */
  bufferAt(address: number, byteLength: number): ArrayBuffer;
  /** Starts a Web Worker on a module. */
  spawnWorker(module: URL): WorkerThread;
  /**
   * Starts a worker on a module, for work that is none of the program's own. Call `unref` after the
   * listeners are set: a listener may hold the process.
   */
  spawnHelper(module: URL): HelperThread;
  /** Opens a file to lock it by what the runtime has beside foreign functions, if it has that. */
  readonly openLockFile?: (path: string) => LockFile;
  /** Calls `listener` before the process ends by itself, where that is not a good end as it is. */
  readonly onExit?: (listener: () => void) => void;
  /** In a Web Worker: the way to its parent. */
  parentThread(): Endpoint | undefined;
}
