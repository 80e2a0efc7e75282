import type { AcquireOptions } from "./options.ts";
import type { Owner } from "./owner.ts";

/** What can be acquired by a task: any lock, whatever its guards are. */
export interface Acquirable<G extends AsyncDisposable> {
  /** Waits for the lock without blocking the thread, and gives its guard. */
  acquire(options?: AcquireOptions): Promise<G>;
}

/**
 * The right to be inside a lock whose medium answers later. Released once: by `await using`, at
 * the end of the block, or by {@linkcode AsyncGuard.release}.
 */
export interface AsyncGuard extends AsyncDisposable {
  /** A fencing token: greater than that of every hold before. None where the hold is shared. */
  readonly token: number | undefined;
  /** Whether the last holder went without releasing: what the lock protects may be half-written. */
  readonly recovered: boolean;
  /** Who that was. */
  readonly previousOwner: Owner | undefined;
  /** Whether this guard still holds its lock, as far as is known here. */
  readonly held: boolean;
  /** Aborts with a `LockLostError` when the lock is lost, before somebody else can have it. */
  readonly signal: AbortSignal;
  /**
   * Releases the lock.
   *
   * @throws {LockLostError} If it was lost before.
   * @throws {Error} If this guard was released before.
   */
  release(): Promise<void>;
}

/** The {@linkcode Lock} of a medium that answers later. */
export interface AsyncLock<G extends AsyncGuard = AsyncGuard> extends Acquirable<G> {
  /** Takes the lock if it is free; `undefined` where it is not. Does not wait for it. */
  tryAcquire(): Promise<G | undefined>;
  /** Who holds the lock alone; `undefined` if nobody does. */
  owner(): Promise<Owner | undefined>;
}
