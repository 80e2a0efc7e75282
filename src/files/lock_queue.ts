import { type Deadline, LONGEST_TIMER_MS } from "../contract/deadline.ts";
import type { LockFile } from "../runtime/file_locks/lock_file.ts";
import { cancelWait, type KernelWait, startWait } from "./kernel_waits.ts";

/** How long the waiters of this thread may hand the lock on among themselves. */
const TURN_MS = 5;
/** How long they then leave the lock to waiters of other threads and processes. */
const PAUSE_MS = 1;
/** The interval of tries with a waiter's own file, if no other file can be opened to wait with. */
const TRY_MS = 4;
const NO_ROOM: readonly unknown[] = ["EMFILE", "ENFILE", "ENOMEM"];

/** How a file is held. */
export type Mode = "exclusive" | "shared" | undefined;

/** A lock file of this thread, as the queue of its open file sees it. */
export interface QueuedFile {
  /** How it is held now. */
  readonly mode: Mode;
  /** Acquires the lock if it is free. */
  takeTurn(shared: boolean): boolean;
  /**
   * Opens the file once more, to wait with; `undefined` if that is impossible, since it is the open
   * file of a descriptor of the caller.
   */
  reopen(): LockFile | undefined;
  /** Replaces its open file by one that {@linkcode reopen} opened and that is locked already. */
  adopt(file: LockFile, shared: boolean): void;
  /** Whether {@linkcode adopt} is possible. */
  readonly canAdopt: boolean;
}

/** A wait for a lock that does not block its thread. */
interface Waiter {
  readonly tracked: QueuedFile;
  readonly shared: boolean;
  /** The queue that it is in. */
  queue: LockQueue;
  /** Called once, with the lock held, when the waiter has left the queue. Does not throw. */
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
  readonly #id: string;
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

  private constructor(id: string) {
    this.#id = id;
  }

  /** The queue of an open file; {@linkcode leave} it once. */
  static enter(file: LockFile): LockQueue {
    let queue = queues.get(file.id);
    if (queue === undefined) queues.set(file.id, queue = new LockQueue(file.id));
    queue.#users++;
    return queue;
  }

  /** Ends what {@linkcode enter} began. */
  leave(): void {
    this.#users--;
    if (this.#users === 0 && queues.get(this.#id) === this) queues.delete(this.#id);
  }

  /** Whether there is a waiter. */
  get isWaitedFor(): boolean {
    return this.#waiters.size > 0;
  }

  /**
   * Waits, behind the other waiters, until a tracked file has the lock. The caller must have tried
   * to acquire it, if the file has no mode and there is no other waiter.
   *
   * @param granted Called at the grant, before any other code of this thread can run.
   * @returns The result of `granted`.
   * @throws {DOMException} Named `TimeoutError`, if the time runs out.
   */
  wait<T>(
    tracked: QueuedFile,
    shared: boolean,
    granted: () => T | Promise<T>,
    deadline?: Deadline,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      deadline?.check();
      const leave = (error: unknown) => {
        if (waiter.queue.#remove(waiter)) waiter.fail(error);
      };
      const stopWatch = deadline?.watch(leave, () => leave(deadline.timeout()));
      // Keeps the process alive, also if no helper waits since this thread itself holds the lock.
      const alive = setInterval(() => {}, LONGEST_TIMER_MS);
      const stop = () => {
        clearInterval(alive);
        stopWatch?.();
      };
      const waiter: Waiter = {
        tracked,
        shared,
        queue: this,
        granted: () => {
          stop();
          try {
            resolve(granted());
          } catch (error) {
            reject(error);
          }
        },
        fail: (error) => {
          stop();
          reject(error);
        },
      };
      this.#add(waiter);
    });
  }

  #add(waiter: Waiter): void {
    if (this.#waiters.size === 0) this.#turnBegan = performance.now();
    this.#waiters.add(waiter);
    this.#serve(waiter);
  }

  /** Removes a waiter; false if it was not in the queue. */
  #remove(waiter: Waiter): boolean {
    if (!this.#waiters.delete(waiter)) return false;
    if (this.#waiters.size === 0) this.#cancel();
    return true;
  }

  /**
   * Moves the waiters of a tracked file to the queue of its present file. They are served there
   * later: the tracked file may be about to acquire the lock itself.
   */
  moveWaiters(tracked: QueuedFile, to: LockQueue): void {
    if (to === this) return;
    let isMoved = false;
    for (const waiter of this.#waiters) {
      if (waiter.tracked !== tracked || !this.#remove(waiter)) continue;
      waiter.queue = to;
      to.#waiters.add(waiter);
      isMoved = true;
    }
    if (isMoved) queueMicrotask(() => to.resume());
  }

  /** Fails all waiters of a tracked file. */
  expel(tracked: QueuedFile, error: unknown): void {
    for (const waiter of this.#waiters) {
      if (waiter.tracked === tracked && this.#remove(waiter)) waiter.fail(error);
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

  /**
   * Grants the lock to the waiters at the head of the queue that can have it.
   *
   * @param added The last one, if it has just come: its file was tried before, unless it had to
   * queue.
   */
  #serve(added?: Waiter): void {
    for (const waiter of this.#waiters) {
      if (this.#paused) return;
      // The holder of this thread will call this again when it releases the lock.
      const { tracked, shared } = waiter;
      if (this.exclusive || (this.sharers > 0 && !shared) || tracked.mode !== undefined) return;
      try {
        if (waiter === added || !tracked.takeTurn(shared)) return this.#waitInKernel(waiter);
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

  #waitInKernel({ tracked, shared }: Waiter): void {
    if (this.#wait?.shared === shared && tracked.canAdopt) return;
    this.#cancel();
    let file: LockFile | undefined;
    try {
      // With a separate open file, a lock that is granted late can be released without side
      // effects.
      file = tracked.reopen();
    } catch (error) {
      if (!NO_ROOM.includes((error as { code?: unknown }).code)) throw error;
    }
    if (file === undefined) {
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
    const isWanted = head?.shared === wait.shared && head.tracked.mode === undefined &&
      head.tracked.canAdopt;
    if (locked && isWanted) {
      this.#waiters.delete(head);
      head.tracked.adopt(file, head.shared);
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
