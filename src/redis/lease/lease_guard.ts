import { LockLostError } from "../../contract/errors.ts";
import type { AcquireOptions } from "../../contract/options.ts";
import type { Owner } from "../../contract/owner.ts";
import { asyncDispose, type PlatformAbortSignal } from "../../contract/platform.ts";
import { checkFlag, checkOptions } from "../client/arguments.ts";
import type { Lease } from "./lease.ts";
import type { RedisGuard, RedisReleaseOptions, RedisSharableGuard } from "./redis_guard.ts";

/** What the guards of a hold say of it. */
export interface GuardState {
  token: number | undefined;
  recovered: boolean;
  previousOwner: Owner | undefined;
  shared: boolean;
}

/** A hold, as its guards see it. */
export interface GuardedHold {
  readonly lease: Lease;
  readonly state: GuardState;
  /** Whether nothing is held any more, and the program knows. */
  readonly isOver: boolean;
  /** Releases the share of one guard; rejects if the hold was lost. */
  release(): Promise<void>;
}

/** A hold whose mode can change. */
export interface SharableHold extends GuardedHold {
  upgrade(options: AcquireOptions | undefined): Promise<boolean>;
  downgrade(): Promise<void>;
}

/** What a guard keeps to itself. */
interface Core<Held> {
  readonly hold: Held;
  state: GuardState;
  isReleased: boolean;
}

function coreOf<Held extends GuardedHold>(hold: Held): Core<Held> {
  return { hold, state: hold.state, isReleased: false };
}

function earlyIn(options: RedisReleaseOptions | undefined): boolean {
  if (options === undefined) return false;
  const what = "release a guard";
  checkOptions(what, options);
  const { early = false } = options;
  checkFlag(what, "early", early);
  return early;
}

/** Has the signal of a lease tell that its release has failed. */
function tellFailure(released: Promise<void>, lease: Lease): void {
  released.catch((error) => {
    const lost = error instanceof LockLostError
      ? error
      : new LockLostError(`Cannot release early: ${error.message}`, { cause: error });
    lease.failed(lost);
  });
}

/** The guard that semaphores make; see {@linkcode RedisGuard}. */
class LeaseGuard implements RedisGuard {
  readonly #core: Core<GuardedHold>;

  constructor(core: Core<GuardedHold>) {
    this.#core = core;
  }

  get token(): number | undefined {
    return this.#core.state.token;
  }

  get recovered(): boolean {
    return this.#core.state.recovered;
  }

  get previousOwner(): Owner | undefined {
    return this.#core.state.previousOwner;
  }

  get held(): boolean {
    return !this.#core.isReleased && this.#core.hold.lease.isOn;
  }

  get signal(): PlatformAbortSignal {
    return this.#core.hold.lease.signal;
  }

  get left(): number {
    return this.held ? this.#core.hold.lease.left : 0;
  }

  async release(options?: RedisReleaseOptions): Promise<void> {
    const core = this.#core;
    if (core.isReleased) throw new Error("Cannot release a guard twice: it was released before");
    const isEarly = earlyIn(options);
    core.isReleased = true;
    try {
      const released = core.hold.release();
      if (isEarly) tellFailure(released, core.hold.lease);
      else await released;
    } finally {
      core.state = { ...core.state }; // It stays what it was, whatever other guards do.
    }
  }

  async [asyncDispose](): Promise<void> {
    if (!this.#core.isReleased && !this.#core.hold.isOver) await this.release();
  }
}

/** The guard that locks make; see {@linkcode RedisSharableGuard}. */
class SharableLeaseGuard extends LeaseGuard implements RedisSharableGuard {
  readonly #core: Core<SharableHold>;

  constructor(core: Core<SharableHold>) {
    super(core);
    this.#core = core;
  }

  get shared(): boolean {
    return this.#core.state.shared;
  }

  async upgrade(options?: AcquireOptions): Promise<boolean> {
    this.#checkUnreleased("upgrade");
    return await this.#core.hold.upgrade(options);
  }

  async downgrade(): Promise<void> {
    this.#checkUnreleased("downgrade");
    await this.#core.hold.downgrade();
  }

  #checkUnreleased(what: string): void {
    if (this.#core.isReleased) throw new Error(`Cannot ${what} a guard: it was released before`);
  }
}

// A program cannot construct a guard, not even by the constructor of one that it has.
Reflect.deleteProperty(LeaseGuard.prototype, "constructor");
Reflect.deleteProperty(SharableLeaseGuard.prototype, "constructor");

/** Makes a guard of a hold of permits. */
export function guardOf(hold: GuardedHold): RedisGuard<number> {
  return new LeaseGuard(coreOf(hold)) as RedisGuard<number>; // A semaphore mints each a token.
}

/** Makes a guard of a hold of a lock. */
export function sharableGuardOf(hold: SharableHold): RedisSharableGuard {
  return new SharableLeaseGuard(coreOf(hold));
}
