import { DeadlockError, LockLostError } from "../contract/errors.ts";
import { type LockFile, openLockFile } from "../runtime/lock_file.ts";
import type { ByteRange } from "../runtime/range_lock.ts";
import { Place } from "./place.ts";
import { waitInQueue } from "./waiting.ts";

/** While a hot loop locks without looking, the path is looked at every so many milliseconds. */
const LOOK_MS = 10;

/** How a handle holds its file. */
export type Mode = "exclusive" | "shared" | undefined;

/** Until when a wait goes on, and what aborts it. */
export interface Patience {
  /** On the clock of `performance.now()`. */
  readonly deadline: number;
  readonly signal: AbortSignal | undefined;
}

/**
 * An open lock file that follows its path: a lock on a file that was removed, renamed or replaced
 * meanwhile excludes nobody, so it is given back and the file of that name is locked.
 */
export class Handle {
  #file: LockFile;
  #place: Place;
  #mode: Mode;
  #looked = 0;

  /** Without `create`, a file that is missing, now or later, is an error. */
  constructor(path: string, range?: ByteRange, create = true) {
    this.#file = openLockFile(path, range, create);
    this.#place = Place.enter(this.#file);
  }

  get file(): LockFile {
    return this.#file;
  }

  get mode(): Mode {
    return this.#mode;
  }

  /** Takes the lock if it is free. */
  tryTake(shared: boolean): boolean {
    while (this.#file.tryLock(shared)) {
      if (this.#isTaken(shared)) return true;
    }
    return false;
  }

  /** Waits for the lock. False where the time ran out. */
  takeSync(shared: boolean, { deadline, signal }: Patience): boolean {
    const goOn = () => {
      signal?.throwIfAborted();
      return deadline === Infinity || performance.now() < deadline;
    };
    for (;;) {
      if (this.#file.tryLock(shared)) {
        if (this.#isTaken(shared)) return true;
        continue;
      }
      if (deadline === Infinity && signal === undefined) this.#refuseDeadlock(shared);
      const place = this.#place;
      let taken = false;
      place.suspend();
      try {
        if (!this.#file.waitLock(shared, goOn)) return false;
        taken = this.#isTaken(shared);
      } finally {
        if (!taken) place.resume();
      }
      if (taken) return true;
    }
  }

  /** The same for a hot loop: whether the path still leads here is seen within 10 ms. */
  takeFast(): void {
    if (!this.#file.tryLock(false) || performance.now() - this.#looked > LOOK_MS) {
      this.takeSync(false, { deadline: Infinity, signal: undefined });
      this.#looked = performance.now();
    } else this.#mark(false);
  }

  /** Waits for the lock without blocking the thread. False where the time ran out. */
  async take(shared: boolean, patience: Patience): Promise<boolean> {
    for (;;) {
      const free = this.#mode === undefined && !this.#place.isWaitedFor;
      if (free && this.tryTake(shared)) return true;
      if (!await waitInQueue(this.#place, this, shared, patience)) return false;
      if (patience.signal?.aborted) {
        this.giveBack();
        throw patience.signal.reason;
      }
      if (this.#file.isCurrent()) return true;
      this.giveBack();
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

  /** Gives the lock back. */
  giveBack(): void {
    this.#file.unlock();
    this.#unmark();
  }

  /** Exclusive becomes shared, with nobody in between. */
  downgrade(): void {
    const kept = this.#file.tryLock(true);
    this.#unmark();
    if (!kept) throw new LockLostError(`Cannot keep "${this.#file.path}" while sharing it`);
    this.#mark(true);
  }

  /** Shared becomes exclusive if nobody else shares it; if not, nothing is held any more. */
  tryUpgrade(): boolean {
    const upgraded = this.#file.tryLock(false);
    if (!upgraded) this.#file.unlock(); // A range is still held, flock(2) has let go already.
    this.#unmark();
    if (upgraded) this.#mark(false);
    return upgraded;
  }

  /** Closes the file, and with it gives the lock back. */
  close(error: Error): void {
    this.#place.expel(this, error);
    this.#file.close();
    this.#unmark();
    this.#place.leave();
  }

  #isTaken(shared: boolean): boolean {
    if (this.#file.isCurrent()) {
      this.#mark(shared);
      return true;
    }
    this.#reopen();
    return false;
  }

  #reopen(): void {
    let file: LockFile;
    try {
      file = this.#file.reopen();
    } catch (error) {
      this.#file.unlock();
      throw error;
    }
    this.#replace(file);
  }

  #replace(file: LockFile): void {
    const place = Place.enter(file);
    this.#place.leave();
    this.#place = place;
    this.#file.close();
    this.#file = file;
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

  #unmark(): void {
    if (this.#mode === "shared") this.#place.sharers--;
    else if (this.#mode === "exclusive") this.#place.exclusive = false;
    else return;
    this.#mode = undefined;
    if (this.#place.isWaitedFor) this.#place.released();
  }

  #refuseDeadlock(shared: boolean): void {
    if (!this.#place.exclusive && (shared || this.#place.sharers === 0)) return;
    throw new DeadlockError(
      `Cannot wait for "${this.#file.path}": another lock of this thread holds it, ` +
        "which cannot release it meanwhile",
    );
  }
}
