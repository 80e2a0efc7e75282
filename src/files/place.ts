import type { LockFile } from "../runtime/lock_file.ts";
import { callOffWait, type KernelWait, startWait } from "./kernel_waits.ts";

/** For so long, the handles of this thread hand the lock on among themselves. */
const TURN_MS = 5;
/** Then they leave it for a moment to who waits elsewhere. */
const PAUSE_MS = 1;
/** The interval of tries with the handle's own file, if no file can be opened to wait with. */
const TRY_MS = 4;
const NO_ROOM: readonly unknown[] = ["EMFILE", "ENFILE", "ENOMEM"];

/** Somebody in this thread who waits for a lock without blocking it. */
export interface Waiter {
  readonly shared: boolean;
  /** The handle that it waits with. */
  readonly handle: object;
  /** Whether that handle holds nothing now. */
  isFree(): boolean;
  /** Takes the lock if it can be had. */
  tryTake(): boolean;
  /** Takes an open file that is locked already, in place of the handle's own. */
  adopt(file: LockFile): void;
  fail(error: unknown): void;
}

const places = new Map<string, Place>();

/**
 * A lock file as one thread sees it: which of its handles hold it, and who waits. The first of
 * those that wait does so in the kernel, the others behind it in the order of their coming.
 */
export class Place {
  /** One of its open files, perhaps closed since; to open it again. */
  readonly #file: LockFile;
  readonly #waiters = new Set<Waiter>();
  #handles = 0;
  #wait: KernelWait | undefined;
  #trying: ReturnType<typeof setTimeout> | undefined;
  #turnBegan = 0;
  #paused = false;
  /** Whether a handle of this thread holds it exclusively. */
  exclusive = false;
  /** How many of its handles hold it shared. */
  sharers = 0;

  private constructor(file: LockFile) {
    this.#file = file;
  }

  /** The place of an open file; to be left once. */
  static enter(file: LockFile): Place {
    let place = places.get(file.id);
    if (place === undefined) places.set(file.id, place = new Place(file));
    place.#handles++;
    return place;
  }

  /** Ends what {@linkcode enter} began. */
  leave(): void {
    this.#handles--;
    if (this.#handles === 0 && places.get(this.#file.id) === this) places.delete(this.#file.id);
  }

  /** Whether anybody waits here. */
  get isWaitedFor(): boolean {
    return this.#waiters.size > 0;
  }

  /** Whether somebody waits here. */
  has(waiter: Waiter): boolean {
    return this.#waiters.has(waiter);
  }

  /** Puts somebody at the end of the queue. */
  add(waiter: Waiter): void {
    if (this.#waiters.size === 0) this.#turnBegan = performance.now();
    this.#waiters.add(waiter);
    this.#serve();
  }

  /** Takes somebody out of the queue; false where he was not in it. */
  remove(waiter: Waiter): boolean {
    if (!this.#waiters.delete(waiter)) return false;
    if (this.#waiters.size === 0) this.#callOff();
    return true;
  }

  /**
   * Moves the waiters of one handle to the place of its present file. They are served there later:
   * the handle may be about to acquire the lock itself.
   */
  moveWaiters(handle: object, to: Place): void {
    if (to === this) return;
    let isMoved = false;
    for (const waiter of this.#waiters) {
      if (waiter.handle !== handle || !this.remove(waiter)) continue;
      to.#waiters.add(waiter);
      isMoved = true;
    }
    if (isMoved) queueMicrotask(() => to.resume());
  }

  /** Sends all away who wait with one handle. */
  expel(handle: object, error: unknown): void {
    for (const waiter of this.#waiters) {
      if (waiter.handle === handle && this.remove(waiter)) waiter.fail(error);
    }
  }

  /** To be called when a handle of this thread has given the lock back, if anybody waits. */
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
   * To be called before a handle of this thread blocks it: what its queue got meanwhile would
   * never be given back, and be what the handle waits for.
   */
  suspend(): void {
    this.#callOff();
  }

  /** Ends what {@linkcode suspend} began, where the handle did not get the lock. */
  resume(): void {
    if (this.#waiters.size > 0) this.#serve();
  }

  /** Gives the lock to those at the head of the queue who can have it. */
  #serve(): void {
    if (this.#paused) return;
    for (const waiter of this.#waiters) {
      // Whoever of this thread holds it will come here when he releases it.
      if (this.exclusive || (this.sharers > 0 && !waiter.shared) || !waiter.isFree()) return;
      try {
        if (!waiter.tryTake()) return this.#waitInKernel(waiter.shared);
        this.#waiters.delete(waiter);
      } catch (error) {
        this.#waiters.delete(waiter);
        waiter.fail(error);
      }
    }
    this.#callOff();
  }

  #waitInKernel(shared: boolean): void {
    if (this.#wait?.shared === shared) return;
    this.#callOff();
    let file: LockFile;
    try {
      // With a file of its own, a lock that is granted late can be released without side effects.
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

  #callOff(): void {
    clearTimeout(this.#trying);
    this.#trying = undefined;
    const wait = this.#wait;
    this.#wait = undefined;
    if (wait !== undefined) callOffWait(wait);
  }

  #waitEnded(wait: KernelWait, locked: boolean, error: unknown): void {
    if (this.#wait !== wait) return wait.file.close(); // It was called off.
    this.#wait = undefined;
    this.#turnBegan = performance.now();
    const [head] = this.#waiters;
    const { file } = wait;
    if (locked && head !== undefined && head.shared === wait.shared && head.isFree()) {
      this.#waiters.delete(head);
      head.adopt(file);
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
