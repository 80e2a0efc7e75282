/**
 * What `withLock` calls to run the body of a lock, set by the first segment that detects deadlocks: a
 * wait of a task within the body is known to keep the lock from being released.
 */
export const lockBodies: {
  run?<T>(lock: unknown, guard: unknown, body: () => T | Promise<T>): T | Promise<T>;
} = {};
