import type { Guard } from "../contract/guard.ts";
import { type GuardedLock, guardedLockOf, LockGuard } from "../contract/lock_guard.ts";

/**
 * The guard of a {@linkcode Mutex}.
 *
 * @example
 * ```ts
 * import { Segment } from "@interlock/interlock";
 *
 * const mutex = Segment.anonymous().mutex("index");
 * {
 *   using guard = mutex.acquireSync({ recover: true });
 *   const isRepaired = !guard.recovered || Math.random() < 2;
 *   if (!isRepaired) guard.markInconsistent();
 * }
 * ```
 */
export interface MutexGuard extends Guard<number> {
  /**
   * Marks what the mutex protects as inconsistent, for example because a repair failed. From its
   * release on, every acquire throws an `OwnerDiedError`, whatever the mutex does by default, until a
   * caller acquires it with `recover: true`.
   *
   * @throws {Error} If this guard does not hold its lock.
   */
  markInconsistent(): void;
}

/** The side of a mutex that only its guards see. */
export interface GuardedMutex extends GuardedLock {
  /** Marks what it protects as inconsistent. Throws if `guard` does not hold it. */
  markInconsistent(guard: unknown): void;
}

/** The guard that a mutex makes. */
export class MutexLockGuard extends LockGuard<number> implements MutexGuard {
  markInconsistent(): void {
    const lock = guardedLockOf(this);
    if (lock === undefined) {
      throw new Error("Cannot mark what a mutex protects as inconsistent: the guard was released");
    }
    // SAFETY: a mutex makes these guards, and gives them a `GuardedMutex`.
    (lock as GuardedMutex).markInconsistent(this);
  }
}

// A program cannot construct a guard, not even by the constructor of one that it has.
Reflect.deleteProperty(MutexLockGuard.prototype, "constructor");
