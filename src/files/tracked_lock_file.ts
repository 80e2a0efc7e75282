import { hooks, type LockEvent, tellWait } from "../contract/lock_events.ts";
import type { Deadline } from "../contract/deadline.ts";
import { DeadlockError, LockLostError } from "../contract/errors.ts";
import type { LockFile } from "../runtime/file_locks/lock_file.ts";
import { openLockFile } from "../runtime/file_locks/open_lock_file.ts";
import type { ByteRange } from "../runtime/file_locks/byte_range.ts";
import type { FileAccess } from "../runtime/files/file_access.ts";
import { quotePath } from "../runtime/paths/path_bytes.ts";
import { LockQueue, type Mode, type QueuedFile } from "./lock_queue.ts";

/** The interval, in milliseconds, between looks at the path if not each hold begins with one. */
const LOOK_MS = 10;
/**
 * How often {@linkcode TrackedLockFile.run} tries before it waits: a counter is locked for a write.
 */
const RUN_TRIES = 20;

/** Options for {@linkcode TrackedLockFile}. */
export interface TrackedLockFileOptions {
  readonly range?: ByteRange;
  /** Whether each hold begins with a look at the path; if not, a new file is noticed in 10 ms. */
  readonly replaceable?: boolean;
  /** Whether a file that is missing, now or later, is made; if not, that is an error. */
  readonly create?: boolean;
  /** Whether the file is opened for writing, too, if that is allowed. */
  readonly write?: boolean;
  /** The access to a new file; `undefined` for this user alone. */
  readonly access?: FileAccess | undefined;
}

/**
 * An open lock file that follows its path. A lock on a file that was removed, renamed or replaced
 * excludes no other process, so it is released, and the file that has the path now is locked.
 */
export class TrackedLockFile implements QueuedFile {
  #file: LockFile;
  #queue: LockQueue;
  #mode: Mode;
  readonly #replaceable: boolean;
  #looked = -Infinity;
  #closed: Error | undefined;

  /** Opens a file by its path, or takes over an open one. */
  constructor(source: string | LockFile, options: TrackedLockFileOptions = {}) {
    const { range, replaceable = true, create, write, access } = options;
    this.#file = typeof source === "string"
      ? openLockFile(source, range, create, write, access)
      : source;
    this.#queue = LockQueue.enter(this.#file);
    this.#replaceable = replaceable;
  }

  get file(): LockFile {
    return this.#file;
  }

  get mode(): Mode {
    return this.#mode;
  }

  /** The error of every use since it was closed. */
  get closed(): Error | undefined {
    return this.#closed;
  }

  /** Acquires the lock if it is free. */
  tryTake(shared: boolean): boolean {
    while (this.#file.tryLock(shared)) {
      if (this.#isTaken(shared)) return true;
    }
    return false;
  }

  /** Waits for the lock, blocking the thread. */
  takeSync(shared: boolean, deadline?: Deadline): void {
    if (this.#file.tryLock(shared) && this.#isTaken(shared)) return;
    this.#waitSync(shared, deadline);
  }

  /** What tells of the success of a wait that begins now; `undefined` if nothing listens. */
  #tellWait(): (() => void) | undefined {
    return hooks.publish && tellWait(() => this.#event);
  }

  get #event(): LockEvent {
    return { medium: "files", name: this.#file.path };
  }

  /**
   * The same for a hot loop: exclusive, without a deadline, and with a look at the path in 10 ms.
   */
  lockBare(): void {
    if (this.#file.tryLock(false) && this.#isTaken(false, false)) return;
    this.#waitSync(false);
  }

  /** Waits for the lock without blocking the thread. */
  async take(shared: boolean, deadline?: Deadline): Promise<void> {
    let told: (() => void) | undefined;
    for (;;) {
      if (this.#tryTakeFirst(shared)) return told?.();
      told ??= this.#tellWait();
      await this.#queue.wait(this, shared, () => {}, deadline);
      // It may have been closed since the lock was granted; closing it has released the lock.
      if (this.#closed !== undefined) throw this.#closed;
      try {
        deadline?.throwIfAborted();
      } catch (reason) {
        this.release();
        throw reason;
      }
      if (this.#file.isCurrent()) return told?.();
      // Not released before that: the next waiter of this object would acquire the old file.
      this.#reopen();
    }
  }

  /**
   * Runs `body` inside the lock: at once if it is free, else as soon as the lock is granted. No
   * other code of this thread can run between the grant and `body`, so this file may be locked by
   * {@linkcode takeSync} meanwhile.
   *
   * @param deadline Called if the lock is not free.
   */
  run<T>(shared: boolean, body: () => T, deadline?: () => Deadline): T | Promise<T> {
    for (let i = 0; i < RUN_TRIES; i++) {
      if (this.#tryTakeFirst(shared)) return this.#runHeld(body);
    }
    const told = this.#tellWait();
    return this.#queue.wait(this, shared, () => {
      const isCurrent = this.#file.isCurrent();
      if (!isCurrent) this.#reopen();
      else told?.();
      return isCurrent ? this.#runHeld(body) : this.run(shared, body, deadline);
    }, deadline?.());
  }

  /** Like {@linkcode tryTake} without a look at the path, for a waiter whose turn it is. */
  takeTurn(shared: boolean): boolean {
    if (!this.#file.tryLock(shared)) return false;
    this.#mark(shared);
    return true;
  }

  get canAdopt(): boolean {
    return this.#file.isBorrowed !== true;
  }

  reopen(): LockFile | undefined {
    return this.canAdopt ? this.#file.reopen() : undefined;
  }

  /** Replaces the open file by one that is locked already. */
  adopt(file: LockFile, shared: boolean): void {
    this.#replace(file);
    this.#mark(shared);
  }

  /** Opens the file that has the path now, without a lock on it. */
  follow(): void {
    while (!this.#file.isCurrent()) this.#reopen();
  }

  /** Releases the lock. */
  release(): void {
    try {
      this.#file.unlock();
    } finally {
      this.#unmark();
      hooks.publish?.("release", () => this.#event);
    }
  }

  /** Exclusive becomes shared without a gap; if it throws, nothing is held any more. */
  downgrade(): void {
    let failure: unknown;
    try {
      if (this.#change(true)) return;
    } catch (error) {
      failure = error;
    }
    throw new LockLostError(`Cannot keep ${quotePath(this.#file.path)} while sharing it`, {
      cause: failure,
    });
  }

  /** Shared becomes exclusive if no other holder shares it; if not, nothing is held any more. */
  tryUpgrade(): boolean {
    return this.#change(false);
  }

  /** Closes the file, which releases the lock; waits fail with `error`. */
  close(error: Error): void {
    this.#closed = error;
    try {
      this.#queue.expel(this, error);
    } finally {
      try {
        // Only that releases the lock of a file that the caller has open as well.
        if (this.#file.isBorrowed && this.#mode !== undefined) this.#file.unlock();
        this.#file.close();
      } finally {
        this.#unmark();
        this.#queue.leave();
      }
    }
  }

  #tryTakeFirst(shared: boolean): boolean {
    return this.#mode === undefined && !this.#queue.isWaitedFor && this.tryTake(shared);
  }

  #runHeld<T>(body: () => T): T {
    try {
      return body();
    } finally {
      this.release();
    }
  }

  /** Changes the mode; if that fails, nothing is held any more. */
  #change(shared: boolean): boolean {
    let changed = false;
    try {
      changed = this.#file.tryLock(shared);
      return changed;
    } finally {
      // After a failure a range is still held; flock(2) has released the lock already.
      if (!changed) this.release();
      else {
        // In one step: a waiter of this object must never find it without a mode.
        this.#clearMode(this.#queue);
        this.#mark(shared);
        if (this.#queue.isWaitedFor) this.#queue.released();
      }
    }
  }

  #waitSync(shared: boolean, deadline?: Deadline): void {
    const goOn = () => {
      deadline?.throwIfAborted();
      return deadline?.isPast !== true;
    };
    const told = this.#tellWait();
    for (;;) {
      if (this.#file.tryLock(shared)) {
        if (this.#isTaken(shared, true)) return told?.(); // The last holder may have replaced the file.
        continue;
      }
      if (deadline?.isEndless !== false) this.#refuseDeadlock(shared);
      const queue = this.#queue;
      let taken = false;
      queue.suspend();
      try {
        if (!this.#file.waitLock(shared, goOn)) throw deadline!.timeout();
        taken = this.#isTaken(shared, true);
      } finally {
        if (!taken) queue.resume();
      }
      if (taken) return told?.();
    }
  }

  #isTaken(shared: boolean, look = this.#replaceable): boolean {
    if (look ? this.#file.isCurrent() : this.#wasCurrent()) {
      this.#mark(shared);
      return true;
    }
    this.#reopen();
    return false;
  }

  /** Whether the path led here within 10 ms. The wall clock is the cheapest one; it may jump. */
  #wasCurrent(): boolean {
    const now = Date.now();
    if (Math.abs(now - this.#looked) < LOOK_MS) return true;
    this.#looked = now;
    return this.#file.isCurrent();
  }

  #reopen(): void {
    let file: LockFile;
    try {
      file = this.#file.reopen();
    } catch (error) {
      this.release();
      throw error;
    }
    this.#replace(file);
  }

  /** Goes on with another open file, without a lock on it, and moves its waiters there. */
  #replace(file: LockFile): void {
    const [last, lastQueue] = [this.#file, this.#queue];
    this.#file = file;
    this.#queue = LockQueue.enter(file);
    try {
      last.close();
    } catch {
      // The old file excludes no other holder, and its descriptor is closed all the same.
    }
    lastQueue.moveWaiters(this, this.#queue);
    this.#unmark(lastQueue);
    lastQueue.leave();
  }

  #mark(shared: boolean): void {
    if (shared) {
      this.#mode = "shared";
      this.#queue.sharers++;
    } else {
      this.#mode = "exclusive";
      this.#queue.exclusive = true;
    }
  }

  #unmark(queue = this.#queue): void {
    if (this.#mode === undefined) return;
    this.#clearMode(queue);
    if (queue.isWaitedFor) queue.released();
  }

  #clearMode(queue: LockQueue): void {
    if (this.#mode === "shared") queue.sharers--;
    else if (this.#mode === "exclusive") queue.exclusive = false;
    this.#mode = undefined;
  }

  #refuseDeadlock(shared: boolean): void {
    if (!this.#queue.exclusive && (shared || this.#queue.sharers === 0)) return;
    throw new DeadlockError(
      `Cannot wait for ${quotePath(this.#file.path)}: another lock of this thread holds it, ` +
        "which cannot release it meanwhile",
    );
  }
}
