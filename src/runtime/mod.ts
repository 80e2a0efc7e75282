/**
 * The runtime port and what is written once on top of it: files, flock, mappings, futex, clock.
 *
 * @module
 */
export { adapter } from "./adapters/adapter.ts";
export * from "./c/constants.ts";
export { libc } from "./c/libc.ts";
export { monotonicNanoseconds } from "./waiting/clock.ts";
export * from "./files/file_status.ts";
export * from "./files/folders.ts";
export * from "./files/open_file.ts";
export { tryFlock, unlockFlock, waitFlock } from "./file_locks/flock.ts";
export { futexWait, futexWake } from "./waiting/futex.ts";
export { mapFile, type Mapping, PAGE, unmap } from "./files/mapping.ts";
export { checkPath, pathBytes, pathOf } from "./paths/path_bytes.ts";
export type { Endpoint, RuntimeName, WorkerThread } from "./adapters/port.ts";
