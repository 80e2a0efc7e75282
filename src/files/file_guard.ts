import type { SharableGuard } from "../contract/guard.ts";
import { type GuardedLock, LockGuard } from "../contract/lock_guard.ts";
import type { AcquireOptions } from "../contract/options.ts";
import type { Entry } from "./lock_record.ts";

/** The holds of a `FileLock`, as its guards see them. */
export interface GuardingHolds extends GuardedLock<FileGuard> {
  /** Whether a guard shares the lock now. */
  isShared(guard: FileGuard): boolean;
  upgrade(guard: FileGuard, options: AcquireOptions | undefined): Promise<boolean>;
  upgradeSync(guard: FileGuard, options: AcquireOptions | undefined): boolean;
  downgrade(guard: FileGuard): void;
}

/** The guard of a `FileLock`; see {@linkcode SharableGuard}. */
export class FileGuard extends LockGuard implements SharableGuard {
  readonly #holds: GuardingHolds;

  constructor(holds: GuardingHolds, entry: Entry | undefined) {
    super(holds, entry?.token, entry?.recovered, entry?.previousOwner);
    this.#holds = holds;
  }

  get shared(): boolean {
    return this.#holds.isShared(this);
  }

  upgrade(options?: AcquireOptions): Promise<boolean> {
    return this.#holds.upgrade(this, options);
  }

  upgradeSync(options?: AcquireOptions): boolean {
    return this.#holds.upgradeSync(this, options);
  }

  downgrade(): void {
    this.#holds.downgrade(this);
  }
}

// A program cannot construct a guard, not even by the constructor of one that it has.
Reflect.deleteProperty(FileGuard.prototype, "constructor");
