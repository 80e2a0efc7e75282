/**
 * The runtime port and what is written once on top of it: files, flock, mappings, futex, clock.
 *
 * @module
 */
export { adapter } from "./adapter.ts";
export { monotonicNanoseconds } from "./clock.ts";
export * from "./files.ts";
export { tryFlock, unlockFlock, waitFlock } from "./flock.ts";
export { futexWait, futexWake } from "./futex.ts";
export { libc } from "./libc.ts";
export { mapFile, type Mapping, PAGE, unmap } from "./mapping.ts";
export type { Endpoint, RuntimeName, WorkerThread } from "./port.ts";
