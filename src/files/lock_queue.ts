import type { LockFile } from "../runtime/file_locks/lock_file.ts";
import { cancelWait, type KernelWait, startWait } from "./kernel_waits.ts";

/** How long the waiters of this thread may hand the lock on among themselves. */
const TURN_MS = 5;
/** How long they then leave the lock to waiters of other threads and processes. */
const PAUSE_MS = 1;
/** The interval of tries with a waiter's own file, if no file can be opened to wait with. */
const TRY_MS = 4;
const NO_ROOM: readonly unknown[] = ["EMFILE", "ENFILE", "ENOMEM"];

/** A wait for a lock that does not block its thread. */
export interface Waiter {
  readonly shared: boolean;
  /** The tracked file that it waits with. */
  readonly tracked: object;
  /** Whether the tracked file holds nothing now. */
  isFree(): boolean;
  /** Acquires the lock if it is free. */
  tryTake(): boolean;
  /** Replaces the open file of the tracked file by one that is locked already. */
  adopt(file: LockFile): void;
  /** Called once, with the lock held, when the waiter has left the queue. Must not throw. */
  granted(): void;
  /** Called once if the wait failed, when the waiter has left the queue. */
  fail(error: unknown): void;
}

const queues = new Map<string, LockQueue>();

/**
 * The waiters of one thread for one lock file, and how its tracked files hold the lock. The first
 * waiter waits in the kernel, the others behind it in the order in which they came.
 */
export class LockQueue {
  /** One of its open files, perhaps closed since; to open it again. */
  readonly #file: LockFile;
  readonly #waiters = new Set<Waiter>();
  #users = 0;
  #wait: KernelWait | undefined;
  #trying: ReturnType<typeof setTimeout> | undefined;
  #turnBegan = 0;
  #paused = false;
  /** Whether a tracked file of this thread holds the lock exclusively. */
  exclusive = false;
  /** How many tracked files of this thread share the lock. */
  sharers = 0;

  private constructor(file: LockFile) {
    this.#file = file;
  }

  /** The queue of an open file; {@linkcode leave} it once. */
  static enter(file: LockFile): LockQueue {
    let queue = queues.get(file.id);
    if (queue === undefined) queues.set(file.id, queue = new LockQueue(file));
    queue.#users++;
    return queue;
  }

  /** Ends what {@linkcode enter} began. */
  leave(): void {
    this.#users--;
    if (this.#users === 0 && queues.get(this.#file.id) === this) queues.delete(this.#file.id);
  }

  /** Whether there is a waiter. */
  get isWaitedFor(): boolean {
    return this.#waiters.size > 0;
  }

  /** Whether a waiter is in the queue. */
  has(waiter: Waiter): boolean {
    return this.#waiters.has(waiter);
  }

  /** Puts a waiter at the end of the queue. */
  add(waiter: Waiter): void {
    if (this.#waiters.size === 0) this.#turnBegan = performance.now();
    this.#waiters.add(waiter);
    this.#serve();
  }

  /** Removes a waiter from the queue; false if it was not queued. */
  remove(waiter: Waiter): boolean {
    if (!this.#waiters.delete(waiter)) return false;
    if (this.#waiters.size === 0) this.#cancel();
    return true;
  }

  /**
   * Moves the waiters of a tracked file to the queue of its present file. They are served there
   * later: the tracked file may be about to acquire the lock itself.
   */
  moveWaiters(tracked: object, to: LockQueue): void {
    if (to === this) return;
    let isMoved = false;
    for (const waiter of this.#waiters) {
      if (waiter.tracked !== tracked || !this.remove(waiter)) continue;
      to.#waiters.add(waiter);
      isMoved = true;
    }
    if (isMoved) queueMicrotask(() => to.resume());
  }

  /** Fails all waiters of a tracked file. */
  expel(tracked: object, error: unknown): void {
    for (const waiter of this.#waiters) {
      if (waiter.tracked === tracked && this.remove(waiter)) waiter.fail(error);
    }
  }

  /** Must be called if there is a waiter when a tracked file of this thread releases the lock. */
  released(): void {
    if (this.#paused) return;
    const now = performance.now();
    if (now - this.#turnBegan < TURN_MS) return this.#serve();
    this.#paused = true;
    setTimeout(() => {
      this.#paused = false;
      this.#turnBegan = performance.now();
      this.#serve();
    }, PAUSE_MS);
  }

  /**
   * Must be called before a tracked file of this thread blocks it. A lock that the queue acquired
   * meanwhile would never be released, and would be the one that the thread waits for.
   */
  suspend(): void {
    this.#cancel();
  }

  /** Ends what {@linkcode suspend} began, if the tracked file did not get the lock. */
  resume(): void {
    if (this.#waiters.size > 0) this.#serve();
  }

  /** Grants the lock to the waiters at the head of the queue that can have it. */
  #serve(): void {
    for (const waiter of this.#waiters) {
      if (this.#paused) return;
      // The holder of this thread will call this again when it releases the lock.
      if (this.exclusive || (this.sharers > 0 && !waiter.shared) || !waiter.isFree()) return;
      try {
        if (!waiter.tryTake()) return this.#waitInKernel(waiter.shared);
      } catch (error) {
        this.#waiters.delete(waiter);
        waiter.fail(error);
        continue;
      }
      this.#waiters.delete(waiter);
      waiter.granted();
    }
    this.#cancel();
  }

  #waitInKernel(shared: boolean): void {
    if (this.#wait?.shared === shared) return;
    this.#cancel();
    let file: LockFile;
    try {
      // With a separate open file, a lock that is granted late can be released without side effects.
      file = this.#file.reopen();
    } catch (error) {
      if (!NO_ROOM.includes((error as { code?: unknown }).code)) throw error;
      this.#trying = setTimeout(() => this.#serve(), TRY_MS);
      return;
    }
    const wait: KernelWait = {
      file,
      shared,
      onEnd: (locked, error) => this.#waitEnded(wait, locked, error),
    };
    this.#wait = wait;
    startWait(wait);
  }

  #cancel(): void {
    clearTimeout(this.#trying);
    this.#trying = undefined;
    const wait = this.#wait;
    this.#wait = undefined;
    if (wait !== undefined) cancelWait(wait);
  }

  #waitEnded(wait: KernelWait, locked: boolean, error: unknown): void {
    if (this.#wait !== wait) return wait.file.close(); // It was cancelled.
    this.#wait = undefined;
    this.#turnBegan = performance.now();
    const [head] = this.#waiters;
    const { file } = wait;
    if (locked && head !== undefined && head.shared === wait.shared && head.isFree()) {
      this.#waiters.delete(head);
      head.adopt(file);
      head.granted();
    } else {
      file.close();
      if (error !== undefined && head !== undefined) {
        this.#waiters.delete(head);
        head.fail(error);
      }
    }
    if (this.#waiters.size > 0) this.#serve();
  }
}
