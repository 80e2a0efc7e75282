/**
 * Locks and counters that Web Workers, processes and runtimes share.
 *
 * @example
 * ```ts
 * import { Segment } from "@interlock/interlock";
 *
 * const segment = Segment.anonymous();
 * {
 *   using _guard = segment.mutex("jobs").acquireSync();
 *   segment.counter("done").add();
 * }
 * ```
 *
 * @module
 */
export * from "./src/contract/mod.ts";
export * from "./src/files/mod.ts";
export * from "./src/memory/mod.ts";
