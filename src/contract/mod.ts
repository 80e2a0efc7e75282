/**
 * The vocabulary that every medium speaks: lock, guard, counter, options and errors.
 *
 * @module
 */
export type { Counter } from "./counter.ts";
export { DeadlockError, UnsupportedError } from "./errors.ts";
export { Guard, type Releasable } from "./guard.ts";
export type { Lock } from "./lock.ts";
export type { AcquireOptions } from "./options.ts";
