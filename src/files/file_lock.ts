import { DeadlockError } from "../contract/errors.ts";
import { Guard, HOLD, type HoldState, RELEASE } from "../contract/guard.ts";
import type { BareLock } from "../contract/lock.ts";
import type { AcquireOptions } from "../contract/options.ts";
import type { Owner } from "../contract/owner.ts";
import { capabilitiesOf, type FileLockCapabilities } from "./capabilities.ts";
import {
  checkOptions,
  type FileAcquireOptions,
  type FileLockOptions,
} from "./file_lock_options.ts";
import { Guards } from "./guards.ts";
import { Handle } from "./handle.ts";
import { lateError, ownerOf, thisOwner } from "./lock_owner.ts";
import { type Entry, LockRecord } from "./lock_record.ts";
import { Upgrade } from "./upgrade.ts";
import { patienceOf } from "./patience.ts";

/**
 * A lock on a file by flock(2): the kernel's own, gone with its holder, however that ends. Two
 * `FileLock`s exclude each other wherever they are: in one thread, in two workers, in two
 * processes. Other programs that use flock(2), such as flock(1), are excluded too.
 *
 * The file and its folders are made where they are missing, and kept after release. If the file
 * is removed or replaced, the next holder locks the file that has its name then. In an empty file
 * the holder enters a record, for {@linkcode FileLock.owner} and the token of its guard; a file
 * with other contents, also if they come while it is held, is locked and never written to, and its
 * guards have no token.
 *
 * Needs foreign functions (`--allow-ffi` in Deno). Without them Deno's own file lock serves; see
 * {@linkcode FileLock.capabilities}.
 *
 * @example
 * ```ts
 * import { FileLock } from "@interlock/interlock";
 *
 * using lock = new FileLock("/tmp/interlock-example/lock", { label: "nightly job" });
 * {
 *   using guard = await lock.acquire({ timeout: 5000 });
 *   console.log(guard.token, lock.owner()?.label); // Nobody else is here.
 * }
 * {
 *   using _guard = lock.acquireSync({ shared: true });
 *   // Others that share may be here as well.
 * }
 * ```
 */
export class FileLock implements BareLock, Disposable {
  /** The lock file. */
  readonly path: string;
  readonly #shared: boolean;
  readonly #reentrant: boolean;
  readonly #record: LockRecord | undefined;
  readonly #handle: Handle;
  #closed = false;
  /** The guards of the present hold; of one that is not reentrant there is one. */
  readonly #guards = new Guards();
  /** How often the present hold was taken without a guard. */
  #bare = 0;
  /** What the present hold has entered in the file. */
  #entry: Entry | undefined;

  /**
   * Opens the lock file.
   *
   * @throws {UnsupportedError} If nothing here can lock a file, or a range of one.
   * @throws {TypeError} If it is not a regular file, or an option is of a wrong type.
   * @throws {RangeError} If the range or the label is out of bounds.
   * @throws {Error} With the `code` of the system: a symbolic link, no permission, no space.
   */
  constructor(path: string, options: FileLockOptions = {}) {
    checkOptions(options);
    const { shared = false, reentrant = false, record = true, label, range, replaceable } = options;
    this.path = path;
    this.#shared = shared;
    this.#reentrant = reentrant;
    this.#handle = new Handle(path, { range, replaceable });
    if (record && range === undefined && this.#handle.file.writable) {
      this.#record = new LockRecord(thisOwner(this.#handle.file, label));
    }
  }

  /** How this object holds the lock now. */
  get mode(): "exclusive" | "shared" | undefined {
    return this.#handle.mode;
  }

  /** What this lock can do here, and by what. */
  get capabilities(): FileLockCapabilities {
    return capabilitiesOf(this.#open().file);
  }

  /**
   * Waits for the lock alone, without a guard and a record, for hot loops. Blocks the thread. That
   * the file was removed or replaced is noticed within 10 ms, not at once.
   *
   * @throws {DeadlockError} If this thread holds the lock already.
   */
  lock(): void {
    const handle = this.#open();
    if (handle.mode === undefined) handle.takeFast();
    else this.#checkReentry(false);
    this.#bare++;
  }

  /**
   * Gives back what {@linkcode lock} took.
   *
   * @throws {Error} If it does not hold it, or a guard does.
   */
  unlock(): void {
    if (this.#bare === 0) {
      throw new Error(`Cannot unlock "${this.path}": it was not locked by lock()`);
    }
    this.#bare--;
    if (this.#bare === 0 && this.#guards.isEmpty) this.#giveBack();
  }

  /** Takes the lock if it is free; `undefined` where it is not. Never waits. */
  tryAcquire(options?: { shared?: boolean }): Guard | undefined {
    const handle = this.#open();
    const shared = options?.shared ?? this.#shared;
    if (handle.mode !== undefined) {
      return this.#mayReenter(shared) ? this.#guard() : undefined;
    }
    return handle.tryTake(shared) ? this.#taken(shared) : undefined;
  }

  /**
   * Waits for the lock, asleep in the kernel, and returns its guard. Blocks the thread.
   *
   * @throws {DOMException} Named `TimeoutError`, if the timeout ran out; up to 50 ms late.
   * @throws {DeadlockError} If this object holds the lock already; or another one of this thread
   * does, and neither a timeout nor a signal could end the wait.
   * @throws {Error} With the `code` of the system, if the record could not be written: no space.
   */
  acquireSync(options?: FileAcquireOptions): Guard {
    const patience = patienceOf(options);
    const handle = this.#open();
    const shared = options?.shared ?? this.#shared;
    if (handle.mode !== undefined) {
      this.#checkReentry(shared);
      return this.#guard();
    }
    if (!handle.takeSync(shared, patience)) throw lateError(handle.file);
    return this.#taken(shared);
  }

  /**
   * Waits for the lock without blocking the thread, in the order of the calls within a thread. A
   * wait keeps the process alive.
   *
   * @throws {DOMException} Named `TimeoutError`, if the timeout ran out.
   * @throws {TypeError} If the lock is closed before it is had.
   * @throws {Error} With the `code` of the system, if the record could not be written: no space.
   */
  async acquire(options?: FileAcquireOptions): Promise<Guard> {
    const patience = patienceOf(options);
    const handle = this.#open();
    const shared = options?.shared ?? this.#shared;
    if (this.#reentrant && this.#isIn) {
      this.#checkReentry(shared);
      return this.#guard();
    }
    if (!await handle.take(shared, patience)) throw lateError(handle.file);
    this.#open(); // It may have been closed since: the descriptor may be another file's.
    return this.#taken(shared);
  }

  /**
   * Changes a shared hold to one alone. Where somebody else shares it (on Windows, always), it is
   * given up and waited for: two that wait for each other to leave would wait for ever.
   *
   * @returns Whether it was held all the time; if not, somebody may have been inside in between,
   * and what was read before must be read again.
   * @throws {LockLostError} If it was in vain: nothing is held any more. Its `cause` tells why.
   */
  async upgrade(options?: AcquireOptions): Promise<boolean> {
    const patience = patienceOf(options);
    using upgrade = this.#startUpgrade();
    if (!upgrade.tryInPlace()) await upgrade.wait(patience);
    this.#open(); // It may have been closed since the lock was granted, and released by that.
    return upgrade.finish(() => this.#enter());
  }

  /** {@linkcode upgrade} for who may block the thread. */
  upgradeSync(options?: AcquireOptions): boolean {
    const patience = patienceOf(options);
    using upgrade = this.#startUpgrade();
    if (!upgrade.tryInPlace()) upgrade.waitSync(patience);
    return upgrade.finish(() => this.#enter());
  }

  /**
   * Changes a hold alone to a shared one, with nobody in between.
   *
   * @throws {Error} If this object does not hold the lock alone.
   * @throws {LockLostError} If the system refused: nothing is held any more.
   */
  downgrade(): void {
    const handle = this.#open();
    if (handle.mode !== "exclusive" || !this.#isIn) {
      throw new Error(`Cannot share "${this.path}": this lock does not hold it alone`);
    }
    try {
      this.#strikeOut();
    } finally {
      const resume = this.#suspend();
      try {
        handle.downgrade();
      } finally {
        resume(handle.mode !== undefined);
      }
    }
  }

  /**
   * Who holds the lock alone, by the record in the file and by the kernel's list of locks; for
   * information only. `undefined` if nobody does, or the file has other contents than a record.
   */
  owner(): Owner | undefined {
    return ownerOf(this.#open().file);
  }

  /** Closes the file, and with it releases the lock. Closing twice does nothing. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#guards.end("the lock was closed");
    this.#bare = 0;
    try {
      this.#strikeOut();
    } finally {
      this.#handle.close(new TypeError(`Cannot lock "${this.path}": it was closed meanwhile`));
    }
  }

  /** The same as {@linkcode close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Releases the hold of a guard. */
  [RELEASE](guard: Guard): void {
    if (!this.#guards.delete(guard)) {
      throw new Error(
        `Cannot release "${this.path}": this guard does not hold it any more: ${
          this.#guards.whyNot(guard)
        }`,
      );
    }
    if (this.#guards.isEmpty && this.#bare === 0) this.#giveBack();
  }

  /** The state of the hold of a guard. */
  [HOLD](guard: Guard): HoldState {
    return this.#guards.stateOf(guard);
  }

  #open(): Handle {
    if (this.#closed) throw new TypeError(`Cannot use "${this.path}": it was closed`);
    return this.#handle;
  }

  /**
   * Whether the caller is inside already. Not while the lock is on its way to a task that waited for
   * it: what enters and leaves before that task would release the hold of that task.
   */
  get #isIn(): boolean {
    return this.#bare > 0 || !this.#guards.isEmpty;
  }

  #mayReenter(shared: boolean): boolean {
    return this.#reentrant && this.#isIn && (shared || this.#handle.mode === "exclusive");
  }

  #checkReentry(shared: boolean): void {
    if (this.#mayReenter(shared)) return;
    const why = this.#reentrant && this.#isIn
      ? " alone while sharing it: upgrade the hold"
      : ": this lock holds it already";
    throw new DeadlockError(`Cannot wait for "${this.path}"${why}`);
  }

  #startUpgrade(): Upgrade {
    const handle = this.#open();
    if (!this.#isIn) {
      throw new Error(`Cannot upgrade "${this.path}": this lock does not share it`);
    }
    return new Upgrade(handle, () => this.#suspend());
  }

  #taken(shared: boolean): Guard {
    if (!shared) this.#enter();
    return this.#guard();
  }

  #guard(): Guard {
    const entry = this.#entry;
    const guard = new Guard(this, entry?.token, entry?.recovered, entry?.previousOwner);
    this.#guards.add(guard);
    return guard;
  }

  #enter(): void {
    try {
      this.#entry = this.#record?.enter(this.#handle.file);
    } catch (error) {
      this.#handle.giveBack();
      throw error;
    }
  }

  #strikeOut(): void {
    if (this.#entry === undefined) return;
    this.#entry = undefined;
    this.#record?.leave(this.#handle.file);
  }

  #giveBack(): void {
    try {
      this.#strikeOut();
    } finally {
      this.#handle.giveBack();
    }
  }

  /** Suspends the guards until the returned function says whether they hold the lock again. */
  #suspend(): (held: boolean) => void {
    const guards = this.#guards.suspend();
    const bare = this.#bare;
    this.#bare = 0;
    return (held) => {
      this.#guards.resume(guards, held);
      if (held) this.#bare += bare;
    };
  }
}
