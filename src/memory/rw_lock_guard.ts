import type { SharableGuard } from "../contract/guard.ts";
import { type GuardedLock, LockGuard } from "../contract/lock_guard.ts";
import type { AcquireOptions } from "../contract/options.ts";
import type { Owner } from "../contract/owner.ts";
import type { Mode } from "./rw_lock_options.ts";

/** The guard of a `RwLock`. */
export interface RwLockGuard extends SharableGuard<number | undefined> {
  /** Whether the hold is that of the one reader that can become a writer without a gap. */
  readonly upgradable: boolean;
}

/** A hold of a read-write lock, as its guard sees it. */
export interface GuardingHold extends GuardedLock {
  /** How the lock is held; `undefined` if it is not. */
  readonly mode: Mode | undefined;
  upgrade(guard: RwGuard, options: AcquireOptions | undefined): Promise<boolean>;
  upgradeSync(guard: RwGuard, options: AcquireOptions | undefined): boolean;
  downgrade(guard: RwGuard): void;
}

/** The guard that a `RwLock` makes; see {@linkcode RwLockGuard}. */
export class RwGuard extends LockGuard implements RwLockGuard {
  readonly #hold: GuardingHold;

  constructor(
    hold: GuardingHold,
    token: number | undefined,
    recovered: boolean,
    previousOwner: Owner | undefined,
  ) {
    super(hold, token, recovered, previousOwner);
    this.#hold = hold;
  }

  get shared(): boolean {
    const { mode } = this.#hold;
    return mode === "shared" || mode === "upgradable";
  }

  get upgradable(): boolean {
    return this.#hold.mode === "upgradable";
  }

  upgrade(options?: AcquireOptions): Promise<boolean> {
    return this.#hold.upgrade(this, options);
  }

  upgradeSync(options?: AcquireOptions): boolean {
    return this.#hold.upgradeSync(this, options);
  }

  downgrade(): void {
    this.#hold.downgrade(this);
  }
}

// A program cannot construct a guard, not even by the constructor of one that it has.
Reflect.deleteProperty(RwGuard.prototype, "constructor");
