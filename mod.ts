/**
 * One lock, one counter, wherever TypeScript runs: across Web Workers, processes and runtimes.
 *
 * @example
 * ```ts
 * import { AtomicCounter, Memory, Mutex } from "@interlock/interlock";
 *
 * const memory = Memory.anonymous(256);
 * const mutex = new Mutex(memory, 0);
 * const counter = new AtomicCounter(memory, 128);
 * {
 *   using _guard = mutex.acquireSync();
 *   counter.add();
 * }
 * ```
 *
 * @module
 */
export * from "./src/contract/mod.ts";
export * from "./src/files/mod.ts";
export * from "./src/memory/mod.ts";
