import { DeadlockError, LockLostError } from "../contract/errors.ts";
import { type LockFile, openLockFile } from "../runtime/lock_file.ts";
import type { ByteRange } from "../runtime/range_lock.ts";
import { Place } from "./place.ts";
import { FOREVER, type Patience } from "./patience.ts";
import { waitInQueue } from "./waiting.ts";

/** Where the path is not looked at for each hold, it is looked at every so many milliseconds. */
const LOOK_MS = 10;

/** How a handle holds its file. */
export type Mode = "exclusive" | "shared" | undefined;

/** What a {@linkcode Handle} locks, and how it follows its path. */
export interface HandleOptions {
  readonly range?: ByteRange;
  /** Whether each hold begins with a look at where the path leads; else that is seen within 10 ms. */
  readonly replaceable?: boolean;
  /** Whether a file that is missing, now or later, is made; else it is an error. */
  readonly create?: boolean;
  /** Whether the file is opened for writing as well, if that is allowed. */
  readonly write?: boolean;
}

/**
 * An open lock file that follows its path: a lock on a file that was removed, renamed or replaced
 * meanwhile excludes nobody, so it is given back and the file of that name is locked.
 */
export class Handle {
  #file: LockFile;
  #place: Place;
  #mode: Mode;
  readonly #replaceable: boolean;
  #looked = -Infinity;
  /** The reason for closing it, once it is closed. */
  #closed: Error | undefined;

  constructor(path: string, options: HandleOptions = {}) {
    const { range, replaceable = true, create, write } = options;
    this.#file = openLockFile(path, range, create, write);
    this.#place = Place.enter(this.#file);
    this.#replaceable = replaceable;
  }

  get file(): LockFile {
    return this.#file;
  }

  get mode(): Mode {
    return this.#mode;
  }

  /** Where it waits: the place of its open file. */
  get place(): Place {
    return this.#place;
  }

  /** Takes the lock if it is free. */
  tryTake(shared: boolean): boolean {
    while (this.#file.tryLock(shared)) {
      if (this.#isTaken(shared)) return true;
    }
    return false;
  }

  /** Waits for the lock. False where the time ran out. */
  takeSync(shared: boolean, patience: Patience): boolean {
    return this.#file.tryLock(shared) && this.#isTaken(shared) || this.#waitSync(shared, patience);
  }

  /** The same for a hot loop: whether the path still leads here is seen within 10 ms. */
  takeFast(): void {
    if (this.#file.tryLock(false) && this.#isTaken(false, false)) return;
    this.#waitSync(false, FOREVER);
  }

  /** Waits for the lock without blocking the thread. False where the time ran out. */
  async take(shared: boolean, patience: Patience): Promise<boolean> {
    for (;;) {
      const free = this.#mode === undefined && !this.#place.isWaitedFor;
      if (free && this.tryTake(shared)) return true;
      if (!await waitInQueue(this, shared, patience)) return false;
      // It may have been closed since the lock was granted; closing it has released the lock.
      if (this.#closed !== undefined) throw this.#closed;
      if (patience.signal?.aborted) {
        this.giveBack();
        throw patience.signal.reason;
      }
      if (this.#file.isCurrent()) return true;
      // Not released before that: the next waiter of this handle would acquire the old file.
      this.#reopen();
    }
  }

  /** For a waiter whose turn it is: as {@linkcode tryTake}, but does not look at the path. */
  takeTurn(shared: boolean): boolean {
    if (!this.#file.tryLock(shared)) return false;
    this.#mark(shared);
    return true;
  }

  /** Takes an open file that is locked already, in place of its own. */
  adopt(file: LockFile, shared: boolean): void {
    this.#replace(file);
    this.#mark(shared);
  }

  /** Opens what the path leads to now, without a lock on it. */
  follow(): void {
    while (!this.#file.isCurrent()) this.#reopen();
  }

  /** Gives the lock back. */
  giveBack(): void {
    try {
      this.#file.unlock();
    } finally {
      this.#unmark();
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
    throw new LockLostError(`Cannot keep "${this.#file.path}" while sharing it`, {
      cause: failure,
    });
  }

  /** Shared becomes exclusive if nobody else shares it; if not, nothing is held any more. */
  tryUpgrade(): boolean {
    return this.#change(false);
  }

  /** Closes the file, and with it gives the lock back. */
  close(error: Error): void {
    this.#closed = error;
    try {
      this.#place.expel(this, error);
    } finally {
      try {
        this.#file.close();
      } finally {
        this.#unmark();
        this.#place.leave();
      }
    }
  }

  /** Changes the mode; if that fails, nothing is held any more. */
  #change(shared: boolean): boolean {
    let changed = false;
    try {
      changed = this.#file.tryLock(shared);
      return changed;
    } finally {
      // A range is still held; flock(2) has already let go.
      if (!changed) this.giveBack();
      else {
        // In one step: a waiter of this handle must never find it without a mode.
        this.#clearMode(this.#place);
        this.#mark(shared);
        if (this.#place.isWaitedFor) this.#place.released();
      }
    }
  }

  #waitSync(shared: boolean, { deadline, signal }: Patience): boolean {
    const goOn = () => {
      signal?.throwIfAborted();
      return deadline === Infinity || performance.now() < deadline;
    };
    for (;;) {
      if (this.#file.tryLock(shared)) {
        if (this.#isTaken(shared, true)) return true; // Who held it may have replaced the file.
        continue;
      }
      if (deadline === Infinity && signal === undefined) this.#refuseDeadlock(shared);
      const place = this.#place;
      let taken = false;
      place.suspend();
      try {
        if (!this.#file.waitLock(shared, goOn)) return false;
        taken = this.#isTaken(shared, true);
      } finally {
        if (!taken) place.resume();
      }
      if (taken) return true;
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

  /** Whether the path led here a moment ago. By the wall clock, which is cheaper; it may jump. */
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
      this.giveBack();
      throw error;
    }
    this.#replace(file);
  }

  /** Goes on with another open file, without a lock on it, and moves its waiters there. */
  #replace(file: LockFile): void {
    const [last, lastPlace] = [this.#file, this.#place];
    this.#file = file;
    this.#place = Place.enter(file);
    try {
      last.close();
    } catch {
      // The old file excludes nothing any more, and its descriptor is closed even so.
    }
    lastPlace.moveWaiters(this, this.#place);
    this.#unmark(lastPlace);
    lastPlace.leave();
  }

  #mark(shared: boolean): void {
    if (shared) {
      this.#mode = "shared";
      this.#place.sharers++;
    } else {
      this.#mode = "exclusive";
      this.#place.exclusive = true;
    }
  }

  #unmark(place = this.#place): void {
    if (this.#mode === undefined) return;
    this.#clearMode(place);
    if (place.isWaitedFor) place.released();
  }

  #clearMode(place: Place): void {
    if (this.#mode === "shared") place.sharers--;
    else if (this.#mode === "exclusive") place.exclusive = false;
    this.#mode = undefined;
  }

  #refuseDeadlock(shared: boolean): void {
    if (!this.#place.exclusive && (shared || this.#place.sharers === 0)) return;
    throw new DeadlockError(
      `Cannot wait for "${this.#file.path}": another lock of this thread holds it, ` +
        "which cannot release it meanwhile",
    );
  }
}
