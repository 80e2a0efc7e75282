/**
 * The runtime port: all that the rest of the library knows of Deno, Bun, Node and browsers.
 *
 * An adapter (`deno.ts`, `bun.ts`, `node.ts`, `browser.ts`) implements {@linkcode Adapter} and
 * nothing else; every algorithm above it is written once.
 *
 * @module
 */

/** The runtimes Interlock runs in. */
export type RuntimeName = "deno" | "bun" | "node";

/**
 * A C type of the port. In JavaScript all but `bytes` are plain numbers, since addresses and 64-bit
 * integers of the calls used here stay below 2^53.
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
  /** Type of the result, which cannot be `bytes`. */
  readonly result: Exclude<CType, "bytes">;
}

/** Signatures by the name of the C function. */
export type CSignatures = Readonly<Record<string, CSignature>>;

type Arguments<P extends readonly CType[]> = {
  -readonly [I in keyof P]: P[I] extends "bytes" ? Uint8Array : number;
};

/** The functions that {@linkcode Adapter.bind} makes from signatures. */
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
  /** Sets the one receiver of uncaught errors of the worker. */
  onError(receive: (error: Error) => void): void;
  /** Asks the runtime to end the thread, which may go on for a while after this returns. */
  terminate(): void;
}

/** A worker that serves its parent, and need not keep the process alive. */
export interface HelperThread extends WorkerThread {
  /** Keeps the process alive while the worker lives, as at its start. */
  ref(): void;
  /** Lets the process end. */
  unref(): void;
  /** Sets the one listener of its end, with or without an error; it may be called twice. */
  onEnd(listen: () => void): void;
}

/** How a runtime calls C. */
export interface CAccess {
  /**
   * Finds functions in the C library of Linux, or in another one.
   *
   * SAFETY: the signatures must be those of the functions.
   *
   * @param libraries The names of the library's file, in the order to try; those of the C library
   * if there are none.
   * @param seldom Whether the functions are called a few times only: then they are bound faster in
   * Deno and Node, for slower calls.
   * @throws {UnsupportedError} If this runtime has no foreign functions, or may not use them.
   */
  bind<const S extends CSignatures>(
    signatures: S,
    libraries?: readonly string[],
    seldom?: boolean,
  ): CFunctions<S>;
  /**
   * The address of the first byte of `bytes`.
   *
   * SAFETY: the collector must not move the memory (shared memory, and buffers of 4096 bytes or
   * more), and it must be kept alive as long as the address is used.
   */
  addressOf(bytes: Uint8Array): number;
  /**
   * Memory of the process as a buffer, not copied.
   *
   * SAFETY: the memory must be mapped, not be the collector's, and stay mapped as long as the
   * buffer is used.
   */
  bufferAt(address: number, size: number): ArrayBuffer;
}

/** What each runtime provides. */
export interface Adapter extends CAccess {
  /** Which runtime this is. */
  readonly name: RuntimeName;
  /** The version of the runtime, such as `2.9.6`; in a browser, what it calls itself. */
  readonly version: string;
  /** The operating system, by Node's name for it: `linux`, `darwin`, `win32`. */
  readonly platform: string;
  /** The processor, by Node's name for it: `x64`, `arm64`. */
  readonly arch: string;
  /** The number of this process. */
  readonly pid: number;
  /** The arguments of this program, after its own name. */
  readonly args: readonly string[];
  /** Ends the process at once. */
  exit(status: number): never;
  /**
   * How a file becomes shared memory. For V8, it is mapped over the pages of a shared
   * `WebAssembly.Memory`. For JavaScriptCore, which clears the pages of a memory that it frees, a
   * plain mapping becomes a buffer.
   */
  readonly mapping: "over-wasm" | "plain";
  /** A variable of the environment, if the runtime keeps them apart from those of the C library. */
  readonly variable?: (name: string) => string | undefined;
  /** A variable of the environment; `undefined` if it is not set, or needs a permission. Never asks. */
  setting(name: string): string | undefined;
  /**
   * Whether {@linkcode CAccess.bind} finds the C library of Linux, without a prompt for a
   * permission.
   */
  mayCallC(): boolean;
  /** Starts a Web Worker on a module. */
  spawnWorker(module: URL): WorkerThread;
  /**
   * Starts a worker on a module of the library. Call `unref` after setting the listeners, since a
   * listener may keep the process alive.
   */
  spawnHelper(module: URL): HelperThread;
  /** Calls `listener` before the process ends by itself, if the runtime needs that. */
  readonly onExit?: (listener: () => void) => void;
  /** Whether a free Web Lock is granted some time after the request, and not within the call. */
  readonly grantsWebLocksLater?: boolean;
  /** In a Web Worker: the way to its parent. */
  parentThread(): Endpoint | undefined;
}
