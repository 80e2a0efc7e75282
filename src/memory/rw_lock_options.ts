import { type AcquireOptions, nameOf } from "../contract/options.ts";
import { checkOptions } from "./arguments.ts";

/** Who goes first at a read-write lock; see `RwLockOptions.prefer`. */
export type Preference = "writers" | "readers" | "fair";

/** Options for `RwLock`. */
export interface RwLockOptions {
  /**
   * Who goes first if readers and writers want the lock at once:
   *
   * - `writers`: a writer that waits keeps new readers out
   * - `readers`: it does not, so writers may wait for as long as readers come
   * - `fair`: a writer that waits keeps new readers out, and they queue with the writers
   *
   * Only the threads that give the same preference keep to it; all exclude each other.
   *
   * @default {"writers"}
   */
  prefer?: Preference;
}

/** Options for `RwLock.tryAcquire`. */
export interface RwLockTryAcquireOptions {
  /** Acquires the lock as a reader, together with others. Default: as a writer, alone. */
  shared?: boolean;
  /**
   * Acquires the lock as the one reader that can become a writer without a gap; excludes writers
   * and others that ask for this, and no readers.
   */
  upgradable?: boolean;
}

/** Options for `RwLock.acquire` and `RwLock.acquireSync`. */
export interface RwLockAcquireOptions extends AcquireOptions, RwLockTryAcquireOptions {}

/** How a read-write lock is held. */
export type Mode = "shared" | "upgradable" | "exclusive";

const PREFERENCES: readonly unknown[] = ["writers", "readers", "fair"];

/** Checks a read-write lock's options; returns the preference. */
export function preferenceOf(options: RwLockOptions | undefined): Preference {
  checkOptions(options, "make a read-write lock");
  const { prefer = "writers" } = options ?? {};
  if (PREFERENCES.includes(prefer)) return prefer;
  throw new TypeError(
    'Cannot make a read-write lock: prefer must be "writers", "readers" or "fair", not ' +
      nameOf(prefer),
  );
}

/** Checks how a read-write lock is to be held. */
export function modeOf(options: RwLockTryAcquireOptions | undefined): Mode {
  if (options === undefined) return "exclusive";
  const task = "acquire a read-write lock";
  checkOptions(options, task);
  const { shared = false, upgradable = false } = options;
  for (const [name, value] of Object.entries({ shared, upgradable })) {
    if (typeof value !== "boolean") {
      throw new TypeError(`Cannot ${task}: ${name} must be a boolean, not ${nameOf(value)}`);
    }
  }
  if (shared && upgradable) {
    throw new TypeError(`Cannot ${task}: it is either shared or upgradable, not both`);
  }
  return shared ? "shared" : upgradable ? "upgradable" : "exclusive";
}
