/**
 * The runtime port and what is written once on top of it: files, flock, mappings, futex, clock.
 *
 * @module
 */
export { adapter } from "./adapters/adapter.ts";
export { monotonicNanoseconds } from "./waiting/clock.ts";
export * from "./files/files.ts";
export { tryFlock, unlockFlock, waitFlock } from "./file_locks/flock.ts";
export { futexWait, futexWake } from "./waiting/futex.ts";
export { libc } from "./c/libc.ts";
export { mapFile, type Mapping, PAGE, unmap } from "./files/mapping.ts";
export type { Endpoint, RuntimeName, WorkerThread } from "./adapters/port.ts";
