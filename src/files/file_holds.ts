import { hooks } from "../contract/lock_events.ts";
import { onAbort } from "../contract/abort.ts";
import { Deadline } from "../contract/deadline.ts";
import { DeadlockError, LockLostError } from "../contract/errors.ts";
import { type HoldState, setRecovered, setToken } from "../contract/lock_guard.ts";
import { type AcquireOptions, checkAcquireOptions } from "../contract/options.ts";
import type { FileAccess } from "../runtime/files/file_access.ts";
import type { LockFile } from "../runtime/file_locks/lock_file.ts";
import { quotePath } from "../runtime/paths/path_bytes.ts";
import { FileGuard, type GuardingHolds } from "./file_guard.ts";
import { type FileAcquireOptions, type FileLockOptions, isShared } from "./file_lock_options.ts";
import { Guards } from "./guards.ts";
import { lockTimeoutMessage, thisOwner } from "./lock_owner.ts";
import { type Entry, LockRecord } from "./lock_record.ts";
import { TrackedLockFile } from "./tracked_lock_file.ts";
import { Upgrade } from "./upgrade.ts";

/**
 * The holds of one `FileLock`: those of its guards, those without a guard, and the record that an
 * exclusive hold has written.
 */
export class FileHolds implements GuardingHolds {
  readonly #tracked: TrackedLockFile;
  readonly #path: string;
  readonly #shared: boolean;
  readonly #reentrant: boolean;
  readonly #record: LockRecord | undefined;
  /** The guards of the present hold: at most one, unless the lock is reentrant. */
  readonly #guards = new Guards<FileGuard>();
  /** How often the present hold was acquired without a guard. */
  #bare = 0;
  /** The record that the present hold has written. */
  #entry: Entry | undefined;
  #closed = false;
  /** How many calls of `acquire` and `upgrade` have not settled. */
  #pending = 0;
  /** Whether the program has dropped the lock, so that only guards and waits are left. */
  #abandoned = false;
  /** Ends the upgrade that the guards wait for. */
  #endUpgrade: ((reason: Error) => void) | undefined;

  /** The holds of the file at a path, or of an open one. */
  constructor(source: string | LockFile, options: FileLockOptions, access?: FileAccess) {
    const { shared = false, reentrant = false, record = true, label, range, replaceable } = options;
    this.#path = typeof source === "string" ? source : source.path;
    this.#shared = shared;
    this.#reentrant = reentrant;
    this.#tracked = new TrackedLockFile(source, { range, replaceable, access });
    if (record && range === undefined && this.#tracked.file.writable) {
      this.#record = new LockRecord(thisOwner(this.#tracked.file, label));
    }
  }

  /** How the lock is held now. */
  get mode(): "exclusive" | "shared" | undefined {
    return this.#tracked.mode;
  }

  /**
   * The open file.
   *
   * @throws {TypeError} If it was closed.
   */
  get open(): TrackedLockFile {
    if (this.#closed) throw new TypeError(`Cannot use ${quotePath(this.#path)}: it was closed`);
    return this.#tracked;
  }

  /** Waits for the exclusive lock without a guard or a record. */
  lock(): void {
    const tracked = this.open;
    if (tracked.mode === undefined) tracked.lockBare();
    else this.#checkReentry(false);
    this.#bare++;
  }

  /** The same with the options of `runSync`. */
  lockToRun(options: FileAcquireOptions | undefined): void {
    if (options === undefined && !this.#shared) return this.lock();
    const shared = isShared(options, this.#shared);
    const deadline = this.#deadline(options);
    const tracked = this.open;
    if (tracked.mode !== undefined) this.#checkReentry(shared);
    else tracked.takeSync(shared, deadline);
    this.#bare++;
  }

  /** Releases what {@linkcode lock} or {@linkcode lockToRun} acquired. */
  unlock(): void {
    if (this.#bare === 0) {
      throw new Error(`Cannot unlock ${quotePath(this.#path)}: it was not locked by lock()`);
    }
    this.#bare--;
    if (this.#bare === 0 && this.#guards.isEmpty) this.#release();
  }

  /** The same at the end of a callback, which may have closed the lock. */
  unlockUnlessClosed(): void {
    if (!this.#closed) this.unlock();
  }

  tryAcquire(options: FileAcquireOptions | undefined): FileGuard | undefined {
    const shared = isShared(options, this.#shared);
    const tracked = this.open;
    if (tracked.mode !== undefined) {
      return this.#mayReenter(shared) ? this.#reenter() : undefined;
    }
    return tracked.tryTake(shared) ? this.#taken(shared) : undefined;
  }

  acquireSync(options: FileAcquireOptions | undefined): FileGuard {
    const shared = isShared(options, this.#shared);
    const deadline = this.#deadline(options);
    const tracked = this.open;
    if (tracked.mode !== undefined) {
      this.#checkReentry(shared);
      return this.#reenter();
    }
    tracked.takeSync(shared, deadline);
    return this.#taken(shared);
  }

  async acquire(options: FileAcquireOptions | undefined): Promise<FileGuard> {
    const shared = isShared(options, this.#shared);
    const deadline = this.#deadline(options);
    const tracked = this.open;
    if (this.#reentrant && this.#isHeld) {
      this.#checkReentry(shared);
      return this.#reenter();
    }
    this.#pending++;
    try {
      await tracked.take(shared, deadline);
      void this.open; // It may have been closed since: the descriptor may be another file's.
      return this.#taken(shared);
    } finally {
      this.#pending--;
      this.#closeIfAbandoned();
    }
  }

  /** Whether a guard shares the lock now. */
  isShared(guard: FileGuard): boolean {
    return this.#tracked.mode === "shared" && this.#guards.stateOf(guard) === "held";
  }

  async upgrade(guard: FileGuard, options: AcquireOptions | undefined): Promise<boolean> {
    const { timeout, signal } = checkAcquireOptions(options, "upgrade a file lock");
    signal?.throwIfAborted();
    // The release of the guard ends the wait as well.
    const ending = new AbortController();
    const deadline = this.#deadline({ timeout, signal: ending.signal });
    const stop = onAbort(signal, (reason) => ending.abort(reason));
    this.#pending++;
    try {
      using upgrade = this.#startUpgrade(guard);
      this.#endUpgrade = (reason) => ending.abort(reason);
      if (!upgrade.tryInPlace()) await upgrade.wait(deadline);
      return this.#finishUpgrade(upgrade, guard);
    } finally {
      stop();
      this.#pending--;
      this.#closeIfAbandoned();
    }
  }

  upgradeSync(guard: FileGuard, options: AcquireOptions | undefined): boolean {
    const deadline = this.#deadline(options);
    using upgrade = this.#startUpgrade(guard);
    if (!upgrade.tryInPlace()) upgrade.waitSync(deadline);
    return this.#finishUpgrade(upgrade, guard);
  }

  downgrade(guard: FileGuard): void {
    this.#checkChange(guard, "exclusive", "downgrade");
    try {
      this.#clearRecord();
    } finally {
      const resume = this.#suspend();
      try {
        this.#tracked.downgrade();
      } finally {
        resume(this.#tracked.mode !== undefined);
      }
    }
  }

  release(guard: FileGuard): void {
    if (this.#guards.deleteWaiting(guard)) {
      // The hold was given up already; the last guard ends the wait for the next one.
      if (!this.#guards.isWaiting) this.#endUpgrade?.(this.#releasedError());
      return;
    }
    if (!this.#guards.delete(guard)) {
      throw new Error(
        `Cannot release ${quotePath(this.#path)}: this guard does not hold it any more: ${
          this.#guards.whyNot(guard)
        }`,
      );
    }
    if (this.#guards.isEmpty && this.#bare === 0) this.#release();
  }

  stateOf(guard: FileGuard): HoldState {
    return this.#guards.stateOf(guard);
  }

  /** Closes the file, and with it ends all holds. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#guards.end("the lock was closed");
    this.#bare = 0;
    try {
      this.#clearRecord();
    } finally {
      this.#tracked.close(
        new TypeError(`Cannot lock ${quotePath(this.#path)}: it was closed meanwhile`),
      );
    }
  }

  /** Closes the file as soon as it is neither held nor waited for. A hold never ends by this. */
  abandon(): void {
    this.#abandoned = true;
    this.#closeIfAbandoned();
  }

  #closeIfAbandoned(): void {
    if (this.#abandoned && this.#pending === 0 && this.#tracked.mode === undefined) this.close();
  }

  /**
   * Whether the program holds the lock. Not while the lock is on its way to a task that waited for
   * it: code that acquired and released it before that task runs would release the task's hold.
   */
  get #isHeld(): boolean {
    return this.#bare > 0 || !this.#guards.isEmpty;
  }

  /**
   * The deadline of a wait that begins now; `undefined` if it has neither a timeout nor a signal.
   */
  #deadline(options: AcquireOptions | undefined): Deadline | undefined {
    if (options === undefined) return undefined;
    return new Deadline(options, () => lockTimeoutMessage(this.#tracked.file));
  }

  #mayReenter(shared: boolean): boolean {
    return this.#reentrant && this.#isHeld && (shared || this.#tracked.mode === "exclusive");
  }

  #checkReentry(shared: boolean): void {
    if (this.#mayReenter(shared)) return;
    const why = this.#reentrant && this.#isHeld
      ? "this lock shares it: upgrade the guard"
      : "this FileLock object holds it already";
    throw new DeadlockError(`Cannot wait for ${quotePath(this.#path)}: ${why}`);
  }

  /** Throws unless the hold of a guard can change its mode. */
  #checkChange(guard: FileGuard, from: "exclusive" | "shared", task: string): void {
    const { mode } = this.#tracked;
    const why = this.#guards.stateOf(guard) !== "held"
      ? `this guard does not hold it: ${this.#guards.whyNot(guard)}`
      : mode !== from
      ? `this guard holds it ${mode} already`
      : this.#bare > 0
      ? "lock() or runSync() holds it, too"
      : undefined;
    if (why !== undefined) throw new Error(`Cannot ${task} ${quotePath(this.#path)}: ${why}`);
  }

  #startUpgrade(guard: FileGuard): Upgrade {
    this.#checkChange(guard, "shared", "upgrade");
    this.#endUpgrade = undefined;
    return new Upgrade(this.#tracked, this.#suspend());
  }

  /** Ends an upgrade that has the lock. The guards may have been released during the wait. */
  #finishUpgrade(upgrade: Upgrade, guard: FileGuard): boolean {
    if (!this.#guards.isWaiting) upgrade.abandon(this.#releasedError());
    const isInPlace = upgrade.finish(() => this.#enter());
    if (this.#guards.stateOf(guard) === "waiting") return isInPlace;
    throw this.#releasedError(); // Other guards of the reentrant lock have the hold.
  }

  #releasedError(): LockLostError {
    return new LockLostError(
      `Cannot upgrade ${quotePath(this.#path)}: its guard was released meanwhile`,
    );
  }

  #taken(shared: boolean): FileGuard {
    if (!shared) this.#enter();
    return this.#guard();
  }

  /** Makes one more guard of the present hold. */
  #reenter(): FileGuard {
    // lock() and runSync() have written no record.
    if (this.#tracked.mode === "exclusive") {
      this.#entry ??= this.#record?.enter(this.#tracked.file);
    }
    return this.#guard();
  }

  #guard(): FileGuard {
    const guard = new FileGuard(this, this.#entry);
    this.#guards.add(guard);
    return guard;
  }

  #enter(): void {
    try {
      this.#entry = this.#record?.enter(this.#tracked.file);
    } catch (error) {
      this.#tracked.release();
      throw error;
    }
    const { recovered, previousOwner } = this.#entry ?? {};
    if (!recovered) return;
    const name = this.#path;
    hooks.publish?.("recovered", () => ({ medium: "files", name, previousOwner }));
  }

  #clearRecord(): void {
    if (this.#entry === undefined) return;
    this.#entry = undefined;
    this.#record?.leave(this.#tracked.file);
  }

  #release(): void {
    try {
      this.#clearRecord();
    } finally {
      this.#tracked.release();
      this.#closeIfAbandoned();
    }
  }

  /** Suspends all guards until the returned function says whether they hold the lock again. */
  #suspend(): (held: boolean) => void {
    const guards = this.#guards.suspend();
    return (held) => {
      for (const guard of this.#guards.resume(guards, held)) {
        setToken(guard, this.#entry?.token);
        if (this.#entry?.recovered) setRecovered(guard, this.#entry.previousOwner);
      }
    };
  }
}
