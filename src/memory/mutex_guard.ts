import type { Guard } from "../contract/guard.ts";

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
   * release on, every acquire throws an `OwnerDiedError`, whatever the mutex does by default, until
   * a caller acquires it with `recover: true`.
   *
   * @throws {Error} If this guard does not hold its lock.
   */
  markInconsistent(): void;
}
