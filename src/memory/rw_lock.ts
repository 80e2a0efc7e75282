import { Deadline } from "../contract/deadline.ts";
import { DeadlockError, LockLostError, timeoutError } from "../contract/errors.ts";
import type { RawLock } from "../contract/lock.ts";
import { type AcquireOptions, checkAcquireOptions } from "../contract/options.ts";
import { describeOwner, type Owner } from "../contract/owner.ts";
import { refuseThenable } from "../contract/refuse_thenable.ts";
import { checkBody } from "../contract/with_lock.ts";
import type { Attachment } from "./attachment.ts";
import { RW_LOCK } from "./layout.ts";
import { attachmentOf, type Memory } from "./memory.ts";
import { Mutex } from "./mutex.ts";
import type { MutexGuard } from "./mutex_guard.ts";
import { RwCore, type Writer } from "./rw_core.ts";
import { RwHold } from "./rw_hold.ts";
import type { RwLockGuard } from "./rw_lock_guard.ts";
import {
  modeOf,
  preferenceOf,
  type RwLockAcquireOptions,
  type RwLockOptions,
  type RwLockTryAcquireOptions,
} from "./rw_lock_options.ts";

const TASK = "acquire a read-write lock";
/** How often a thread that reads and waits for the turn looks whether a writer waits for it. */
const LOOK = 50;

/**
 * A read-write lock in shared memory: any number of readers, or one writer, or any number of readers
 * and one that can become a writer.
 *
 * Writers take turns by a mutex. The one whose turn it is closes the gate to new readers, waits until
 * the readers have left, and is alone; see rw_core.ts for the gate. Readers tell of themselves in the
 * slots of their threads, so that they do not slow each other down; see readers.ts.
 *
 * If a writer dies, the next one acquires the lock, and its guard has `recovered`; so have the guards
 * of readers that come before it. A reader that dies is not counted.
 *
 * @example
 * ```ts
 * import { Segment, withLock } from "@interlock/interlock";
 *
 * const lock = Segment.anonymous(65536).rwLock("catalogue");
 * await withLock(lock, () => console.log("with other readers"), { shared: true });
 * {
 *   using guard = lock.acquireSync({ timeout: 1000 });
 *   console.log("alone", guard.recovered);
 *   guard.downgrade(); // From here on with other readers, without a gap.
 * }
 * lock.lockShared(); // For hot loops: makes no guard.
 * try {
 *   console.log("with other readers");
 * } finally {
 *   lock.unlockShared();
 * }
 * ```
 */
export class RwLock implements RawLock {
  /** Bytes to reserve for a read-write lock. */
  static readonly BYTES: number = RW_LOCK.bytes;

  readonly #attachment: Attachment;
  /** The turn of those who write, or can become writers. */
  readonly #turn: Mutex;
  readonly #core: RwCore;
  /** How many shared holds `lockShared` acquired. */
  #bareShared = 0;
  /** Whether `lock` acquired the lock, and whether the writer before died. */
  #isBare = false;
  #recovered = false;
  /** The holds of guards. */
  readonly #holds = new Set<RwHold>();

  /**
   * The read-write lock at `offset`; all zeros is a free one. `Segment.rwLock` finds an offset by
   * name.
   *
   * @throws {RangeError} If `offset` is outside of the memory or not a multiple of 8.
   * @throws {TypeError} If an argument is of a wrong type, or there is no such preference.
   */
  constructor(memory: Memory, offset: number, options?: RwLockOptions) {
    const prefer = preferenceOf(options);
    const attachment = attachmentOf(memory, "a read-write lock");
    const { region } = attachment;
    const at = region.resolve(offset, RW_LOCK.bytes, 8);
    this.#attachment = attachment;
    this.#turn = new Mutex(memory, offset);
    this.#core = new RwCore(attachment, at, prefer);
    // Not this object, which a guard does not keep; the mutex has added itself.
    attachment.locks.add(this.#core, at - region.base);
  }

  /** Whether this object holds the lock, in any way. */
  get held(): boolean {
    return (this.#isBare || this.#bareShared + this.#holds.size > 0) &&
      !this.#attachment.region.closed;
  }

  /** Whether {@linkcode lock} acquired the lock, and the writer before died holding it. */
  get recovered(): boolean {
    return this.#recovered;
  }

  /**
   * The threads that hold the lock, without those that died: a writer, or the readers, and the one
   * that can become a writer. Takes 20 us for each.
   */
  owners(): Owner[] {
    return this.#core.identities().flatMap((identity) => this.#core.describe(identity) ?? []);
  }

  /** A writer, or a reader; `undefined` if the lock is free. */
  owner(): Owner | undefined {
    return this.owners()[0];
  }

  /**
   * Waits for the lock as a writer, without making a guard. Blocks the thread.
   *
   * @throws {DeadlockError} If this thread holds the lock already, as a reader or as a writer.
   */
  lock(): void {
    this.#core.checkReading();
    try {
      this.#turn.lock();
    } catch (error) {
      throw this.#ofTurn(error, undefined);
    }
    const writer: Writer = { before: undefined };
    try {
      this.#core.writeSync(writer, undefined);
    } catch (error) {
      this.#core.reopen(writer);
      this.#turn.unlock();
      throw error;
    }
    this.#recovered = writer.before !== 0;
    this.#isBare = true;
  }

  /**
   * Releases what {@linkcode lock} acquired.
   *
   * @throws {Error} If {@linkcode lock} acquired nothing.
   */
  unlock(): void {
    if (!this.#isBare) throw this.#notHeld("lock()");
    this.#isBare = this.#recovered = false;
    const wasClosed = this.#core.endWrite();
    this.#turn.unlock();
    if (!wasClosed) throw new LockLostError("Cannot release a read-write lock: it was not held");
  }

  /**
   * Waits for the lock as a reader, without making a guard. Blocks the thread. A thread that reads
   * by this object already enters at once, even if a writer waits.
   *
   * @throws {DeadlockError} If this thread holds the lock as a writer, or reads by another object,
   * for which a writer waits.
   * @throws {RangeError} If this thread reads under 16 locks of this memory already.
   */
  lockShared(): void {
    if (this.#core.count > 0 || !this.#core.tryRead()) this.#core.readSync(undefined);
    this.#bareShared++;
  }

  /**
   * Releases what {@linkcode lockShared} acquired.
   *
   * @throws {Error} If {@linkcode lockShared} acquired nothing.
   */
  unlockShared(): void {
    if (this.#bareShared === 0) throw this.#notHeld("lockShared()");
    this.#bareShared--;
    this.#core.endRead();
  }

  /**
   * Runs `body` inside the lock, as a writer, and releases it, also if `body` throws. Blocks the
   * thread, and makes no guard.
   *
   * @returns The result of `body`.
   * @throws {TypeError} If the result is a promise or another thenable: the lock would be released
   * before it settles. Use `withLock`.
   * @throws {DeadlockError} If this thread holds the lock already.
   */
  runSync<T>(body: () => T): T {
    checkBody(body, "run inside a read-write lock");
    this.lock();
    let result: T;
    try {
      result = body();
    } finally {
      this.unlock();
    }
    refuseThenable(result, "run inside a read-write lock", "withLock");
    return result;
  }

  /**
   * Acquires the lock if it can be had at once, else returns `undefined`. Never waits.
   *
   * @throws {TypeError} If an option is of a wrong type.
   * @throws {RangeError} If this thread would read under more than 16 locks of this memory.
   */
  tryAcquire(options?: RwLockTryAcquireOptions): RwLockGuard | undefined {
    const mode = modeOf(options);
    if (mode === "shared") return this.#core.mayRead(true) ? this.#shared() : undefined;
    const turn = this.#turn.tryAcquire();
    if (turn === undefined) return undefined;
    if (mode === "upgradable") return this.#upgradable(turn);
    const writer: Writer = { before: undefined };
    if (this.#core.tryWrite(writer, true)) return this.#exclusive(turn, writer);
    this.#core.reopen(writer);
    turn.release();
    return undefined;
  }

  /**
   * Waits for the lock. Blocks the thread.
   *
   * @throws {DOMException} Named `TimeoutError`, if the timeout ran out.
   * @throws {DeadlockError} If this thread holds the lock already, or a writer waits for this thread,
   * so that the wait would never end.
   * @throws {TypeError} If an option is of a wrong type.
   * @throws {RangeError} If this thread would read under more than 16 locks of this memory.
   */
  acquireSync(options?: RwLockAcquireOptions): RwLockGuard {
    const mode = modeOf(options);
    const checked = check(options);
    if (mode === "shared") {
      this.#core.readSync(checked);
      return this.#shared();
    }
    if (mode === "exclusive") this.#core.checkReading();
    const rest = restOf(checked);
    const turn = mode === "upgradable" && this.#core.reads
      ? this.#takeTurnReading(checked)
      : this.#takeTurn(checked);
    if (mode === "upgradable") return this.#upgradable(turn);
    const writer: Writer = { before: undefined };
    try {
      this.#core.writeSync(writer, rest());
    } catch (error) {
      this.#core.reopen(writer);
      turn.release();
      throw error;
    }
    return this.#exclusive(turn, writer);
  }

  /**
   * Waits for the lock without blocking the thread. A wait keeps the process alive. A task that
   * reads already and asks to read again may wait for a writer that waits for it: use one guard.
   *
   * @throws {DOMException} Named `TimeoutError`, if the timeout ran out.
   * @throws {TypeError} If an option is of a wrong type.
   * @throws {RangeError} If this thread would read under more than 16 locks of this memory.
   */
  async acquire(options?: RwLockAcquireOptions): Promise<RwLockGuard> {
    const mode = modeOf(options);
    const checked = check(options);
    if (mode === "shared") return await this.#core.read(() => this.#shared(), checked);
    const rest = restOf(checked);
    let turn: MutexGuard;
    try {
      turn = await this.#turn.acquire(checked);
    } catch (error) {
      throw this.#ofTurn(error, checked);
    }
    if (mode === "upgradable") return this.#upgradable(turn);
    const writer: Writer = { before: undefined };
    try {
      await this.#core.write(writer, rest());
    } catch (error) {
      this.#core.reopen(writer);
      turn.release();
      throw error;
    }
    return this.#exclusive(turn, writer);
  }

  #takeTurn(options: AcquireOptions | undefined): MutexGuard {
    try {
      return this.#turn.acquireSync(options);
    } catch (error) {
      throw this.#ofTurn(error, options);
    }
  }

  /** Takes the turn while this thread reads: the thread that has it may wait for this one. */
  #takeTurnReading(options: AcquireOptions | undefined): MutexGuard {
    const rest = restOf(options ?? {});
    for (;;) {
      this.#core.checkDrain();
      const { timeout = Infinity, signal } = rest()!;
      try {
        return this.#takeTurn({ timeout: Math.min(timeout, LOOK), signal });
      } catch (error) {
        if (!isTimeout(error) || signal?.aborted || timeout <= LOOK) throw error;
      }
    }
  }

  /** The error of a wait for the turn, in the words of this lock. */
  #ofTurn(error: unknown, options: AcquireOptions | undefined): unknown {
    if (error instanceof DeadlockError && error.owners.length === 0) {
      return new DeadlockError(
        "Cannot wait for a read-write lock: this thread holds it, so the wait would never end",
      );
    }
    if (!isTimeout(error) || options?.signal?.aborted) return error;
    const owners = this.owners().map(describeOwner);
    return timeoutError(
      `Cannot acquire a read-write lock in time: it is held by ${owners[0] ?? "no thread now"}` +
        (owners.length > 1 ? ` and ${owners.length - 1} others` : ""),
    );
  }

  #shared(): RwLockGuard {
    return this.#make("shared", undefined, this.#core.foundDead);
  }

  #upgradable(turn: MutexGuard): RwLockGuard {
    return this.#make("upgradable", turn, this.#core.admit());
  }

  #exclusive(turn: MutexGuard, { before }: Writer): RwLockGuard {
    return this.#make("exclusive", turn, before!);
  }

  #make(
    mode: "shared" | "upgradable" | "exclusive",
    turn: MutexGuard | undefined,
    died: number,
  ): RwLockGuard {
    const hold = new RwHold(this.#core, this.#turn, mode, turn, this.#holds);
    return hold.makeGuard(died);
  }

  #notHeld(by: string): Error {
    return new Error(
      `Cannot release a read-write lock: this object does not hold it by ${by}` +
        (this.#holds.size > 0 ? "; guards hold it, and release it" : ""),
    );
  }
}

function isTimeout(error: unknown): boolean {
  return error instanceof DOMException && error.name === "TimeoutError";
}

function check(options: AcquireOptions | undefined): AcquireOptions | undefined {
  if (options === undefined) return undefined;
  const checked = checkAcquireOptions(options, TASK);
  checked.signal?.throwIfAborted();
  return checked;
}

/** What is left of the time of a wait, for its second part. */
function restOf(options: AcquireOptions | undefined): () => AcquireOptions | undefined {
  if (options === undefined) return () => undefined;
  const deadline = new Deadline(options, () => "");
  return () => ({ ...options, timeout: Math.max(0, deadline.left) });
}
