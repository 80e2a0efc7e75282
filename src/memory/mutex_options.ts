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

/** Checks a mutex's options; returns the behaviour that they ask for. */
export function onOwnerDiedOf(options: MutexOptions | undefined): "recover" | "throw" {
  checkOptions(options, "make a mutex");
  const { onOwnerDied = "recover" } = options ?? {};
  if (onOwnerDied === "recover" || onOwnerDied === "throw") return onOwnerDied;
  throw new TypeError(
    `Cannot make a mutex: onOwnerDied must be "recover" or "throw", not ${nameOf(onOwnerDied)}`,
  );
}

/** Checks the option `recover`. */
export function checkRecover({ recover }: MutexTryAcquireOptions): void {
  if (recover === undefined || typeof recover === "boolean") return;
  throw new TypeError(
    `Cannot acquire a mutex: recover must be a boolean, not ${nameOf(recover)}`,
  );
}
