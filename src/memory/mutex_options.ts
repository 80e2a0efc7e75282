import { type AcquireOptions, nameOf } from "../contract/options.ts";
import { checkOptions } from "./arguments.ts";

/** Options for `Mutex`. */
export interface MutexOptions {
  /**
   * What to do if the last owner died holding the lock:
   *
   * - `recover`: acquire the lock and set `guard.recovered`
   * - `throw`: throw an `OwnerDiedError` and leave the lock free. It is thrown again until a caller
   *   acquires the lock with `recover: true`
   *
   * @default {"recover"}
   */
  onOwnerDied?: "recover" | "throw";
  /**
   * Whether a blocked thread that others have overtaken for 0.5 ms is handed the lock by the next
   * release, so that no thread waits for ever. A hand-off costs a wake, during which no thread is
   * inside. Only the waiters need the option: every release hands the lock over. A task that waits by
   * `acquire` is not handed the lock, since its thread may be blocked by another lock.
   *
   * @default {false}
   */
  fair?: boolean;
  /**
   * Whether the thread that holds the lock may acquire it again by `lock`, `runSync`, `acquireSync`
   * and `tryAcquire` of the same object. The lock is free when each of these holds was released.
   *
   * Such a hold belongs to the thread, so all its tasks may enter: do not `await` within it. A hold by
   * `acquire` belongs to one task: until it is released, the calls that block the thread throw a
   * `DeadlockError`, and `tryAcquire` returns `undefined`. `acquire` itself never enters again, and
   * waits for every other hold.
   *
   * @default {false}
   */
  reentrant?: boolean;
}

/** Options for `Mutex.tryAcquire`. */
export interface MutexTryAcquireOptions {
  /**
   * Acquires the lock after the death of its owner, even if the mutex throws by default; and after
   * a holder marked it as inconsistent, by `guard.markInconsistent()`.
   */
  recover?: boolean;
}

/** Options for `Mutex.acquire`, `Mutex.acquireSync` and `Mutex.runSync`. */
export interface MutexAcquireOptions extends AcquireOptions, MutexTryAcquireOptions {}

/** Checks a mutex's options; returns all of them. */
export function checkMutexOptions(options: MutexOptions | undefined): Required<MutexOptions> {
  const task = "make a mutex";
  checkOptions(options, task);
  const { onOwnerDied = "recover", fair = false, reentrant = false } = options ?? {};
  if (onOwnerDied !== "recover" && onOwnerDied !== "throw") {
    throw new TypeError(
      `Cannot ${task}: onOwnerDied must be "recover" or "throw", not ${nameOf(onOwnerDied)}`,
    );
  }
  for (const [name, value] of Object.entries({ fair, reentrant })) {
    if (typeof value !== "boolean") {
      throw new TypeError(`Cannot ${task}: ${name} must be a boolean, not ${nameOf(value)}`);
    }
  }
  return { onOwnerDied, fair, reentrant };
}

/** Checks the option `recover`. */
export function checkRecover({ recover }: MutexTryAcquireOptions): void {
  if (recover === undefined || typeof recover === "boolean") return;
  throw new TypeError(
    `Cannot acquire a mutex: recover must be a boolean, not ${nameOf(recover)}`,
  );
}
