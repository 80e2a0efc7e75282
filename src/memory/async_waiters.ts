import { Deadline } from "../contract/deadline.ts";
import { type AcquireOptions, isTimed } from "../contract/options.ts";
import { FutexWatch } from "../runtime/waiting/futex_watch.ts";
import { HEADER } from "./layout.ts";
import type { Region } from "./region.ts";
import type { WaitKind, WaitRecords, WaitToRecord } from "./wait_records.ts";
import type { WaitWatch } from "./wait_watch.ts";

/** How often waiters look without a wake: for dead owners, and while there is no helper. */
const TICK = 4;
/** How often waiters that have waited for long look for dead owners. */
const SLOW_TICK = 25;
const LONG = 1000;
/** How long the tasks of one thread may pass a lock on among themselves while others wait. */
const TURN = 1;

/** An attempt to get what a task waits for. */
export interface Attempt<T> {
  readonly kind: WaitKind;
  /**
   * Returns what the task waits for, if it can have it now. Else marks the word so that the next
   * release counts up the event of the memory, and returns `undefined`.
   *
   * @param patient Whether time has passed, so that it is worth checking that the owner lives.
   */
  run(patient: boolean): T | undefined;
  /** The message of the error if the wait runs out of time. */
  timeoutMessage(): string;
  /** What looks whether the wait is a part of a deadlock. */
  readonly watch?: WaitWatch;
}

/** A task that waits. */
interface Waiter {
  /** How it is recorded while it is the first one. */
  readonly wait: WaitToRecord;
  attempt(patient: boolean): boolean;
  reject(reason: unknown): void;
}

/** The tasks of this thread that wait for one word; only the first of them tries. */
interface Queue {
  readonly waiters: Set<Waiter>;
  since: number;
  turn: number;
}

/**
 * The tasks of this thread that wait for something in one memory, without blocking the thread. All
 * of them wake by one word of the memory, its event: a release counts it up if a task may wait.
 */
export class AsyncWaiters {
  readonly #region: Region;
  readonly #event: number;
  readonly #records: WaitRecords | undefined;
  readonly #queues = new Map<number, Queue>();

  /**
   * The waiting tasks of a memory.
   *
   * @param records Where their waits are recorded; `undefined` if this thread has no slot.
   */
  constructor(region: Region, records?: WaitRecords) {
    this.#region = region;
    this.#records = records;
    this.#event = region.base + HEADER.event;
  }

  /** The offset of the event in the buffer. */
  get event(): number {
    return this.#event;
  }

  /** Whether no task waits. */
  get idle(): boolean {
    return this.#queues.size === 0;
  }

  /** Whether no task waits for the word `at`. */
  isIdleAt(at: number): boolean {
    return this.#queues.size === 0 || !this.#queues.has(at);
  }

  /**
   * Waits for something at the word `at`, after a first attempt in vain or behind other tasks. The
   * options were checked.
   *
   * @throws {DOMException} Named `TimeoutError`, if the timeout ran out.
   */
  wait<T>(at: number, attempt: Attempt<T>, options: AcquireOptions | undefined): Promise<T> {
    const deadline = options && new Deadline(options, () => attempt.timeoutMessage());
    deadline?.check();
    return new Promise<T>((resolve, reject) => {
      const end = () => {
        this.#remove(at, waiter);
        stop?.();
      };
      const fail = (reason: unknown) => {
        end();
        reject(reason);
      };
      const { kind, watch } = attempt;
      const waiter: Waiter = {
        wait: { kind, isTimed: isTimed(options), held: watch?.held },
        attempt: (patient) => {
          let got: T | undefined;
          try {
            got = attempt.run(patient);
            if (got === undefined && patient) watch?.look();
          } catch (error) {
            fail(error);
            return true;
          }
          if (got === undefined) return false;
          end();
          resolve(got);
          return true;
        },
        reject: fail,
      };
      const stop = deadline?.watch(fail, () => {
        // One last attempt: the owner may have died since.
        if (!waiter.attempt(true)) fail(deadline.timeout());
      });
      try {
        this.#add(at, waiter);
      } catch (error) {
        fail(error); // A rejected waiter must not be granted anything later.
      }
    });
  }

  /**
   * Notifies all asynchronous waiters of the memory, in all processes, of a release at `at`. The
   * waiters of this thread come first, for a while.
   */
  notify(at: number): void {
    const region = this.#region;
    region.atomics.add32(this.#event, 1);
    region.wake(this.#event, 0x7fffffff);
    const queue = this.#queues.get(at);
    if (queue === undefined) return;
    const now = performance.now();
    if (now - queue.turn < TURN) queueMicrotask(() => this.#tryFirst(at, false));
    else {
      // The other threads' turn: they need some time to wake.
      setTimeout(() => {
        queue.turn = performance.now();
        this.#tryFirst(at, false);
      }, TURN);
    }
  }

  /** Lets the next waiter at `at` try as well, after one that took nothing away from the others. */
  tryNext(at: number): void {
    queueMicrotask(() => this.#tryFirst(at, false));
  }

  /** Rejects all waiters. */
  rejectAll(reason: unknown): void {
    for (const { waiters } of [...this.#queues.values()]) {
      for (const waiter of [...waiters]) waiter.reject(reason);
    }
    pump.endIfIdle();
  }

  /** Lets the first waiter of each queue try. */
  tryAll(patient: boolean): void {
    for (const at of [...this.#queues.keys()]) this.#tryFirst(at, patient);
  }

  /** When the longest wait began. */
  get longest(): number {
    let since = Infinity;
    for (const queue of this.#queues.values()) since = Math.min(since, queue.since);
    return since;
  }

  #tryFirst(at: number, patient: boolean): void {
    const queue = this.#queues.get(at);
    if (queue === undefined) return;
    for (const waiter of queue.waiters) {
      if (!waiter.attempt(patient)) return;
      // The next one tries as well: its attempt fails, and marks the word for the next release.
      queue.since = performance.now();
    }
  }

  #add(at: number, waiter: Waiter): void {
    const queue = this.#queues.get(at);
    if (queue !== undefined) return void queue.waiters.add(waiter);
    const now = performance.now();
    this.#queues.set(at, { waiters: new Set([waiter]), since: now, turn: now });
    this.#records?.add(at, waiter.wait);
    pump.add(this, this.#region);
    // A release before the event is watched was not noticed.
    this.#tryFirst(at, false);
  }

  #remove(at: number, waiter: Waiter): void {
    const queue = this.#queues.get(at);
    if (queue === undefined || !queue.waiters.delete(waiter)) return;
    const [first] = queue.waiters;
    if (first !== undefined) return this.#records?.change(at, first.wait);
    this.#queues.delete(at);
    this.#records?.remove(at);
    if (this.idle) pump.remove(this);
  }
}

/**
 * Wakes the waiting tasks of this thread: when the event of a memory is counted up, and at
 * intervals. It keeps the process alive while a task waits.
 */
class Pump {
  readonly #all = new Map<AsyncWaiters, Region>();
  /** The waiters of anonymous memory whose event is being waited for. */
  readonly #awaited = new Set<AsyncWaiters>();
  /** Watches the events of mapped memory, if a helper can be started. */
  #watch: FutexWatch | undefined;
  /** The time of the last or the next check for dead owners. */
  #looked = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  add(waiters: AsyncWaiters, region: Region): void {
    if (this.#all.size === 0) this.#stop(); // An earlier timer is slow, or lost to a test's timers.
    if (!this.#all.has(waiters)) {
      this.#all.set(waiters, region);
      this.#arm(waiters, region);
    }
    if (this.#timer === undefined) this.#tick();
  }

  remove(waiters: AsyncWaiters): void {
    // The next tick ends the rest, which would delay the task that has the lock.
    this.#all.delete(waiters);
  }

  /** Ends the ticks and the watch if no task waits. */
  endIfIdle(): void {
    if (this.#all.size > 0) return;
    this.#stop();
    this.#watch?.watch([]);
  }

  #stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #tick(): void {
    const now = performance.now();
    const isLong = now - Math.min(...[...this.#all.keys()].map(({ longest }) => longest)) > LONG;
    const time = isLong && !this.#isBlind() ? SLOW_TICK : TICK;
    // A check of an owner is a system call; a look at a word costs almost nothing.
    const patient = !isLong || now + time - this.#looked >= SLOW_TICK;
    if (patient) this.#looked = now + time;
    this.#timer = setTimeout(() => {
      this.#tryAll(patient);
      if (this.#all.size > 0) this.#tick();
      else this.endIfIdle();
    }, time);
  }

  /** Whether an event is noticed by polling only. */
  #isBlind(): boolean {
    if (this.#watch?.ready) return false;
    return [...this.#all].some(([waiters, region]) =>
      region.addressOf(waiters.event) !== undefined
    );
  }

  /** Watches for the next event of a memory. */
  #arm(waiters: AsyncWaiters, region: Region): void {
    if (region.addressOf(waiters.event) === undefined) this.#armAnonymous(waiters, region);
    else this.#armMapped();
  }

  #armAnonymous(waiters: AsyncWaiters, region: Region): void {
    if (this.#awaited.has(waiters)) return;
    this.#awaited.add(waiters);
    const expected = region.atomics.load32(waiters.event);
    region.waitAsync(waiters.event, expected, LONG).then(() => {
      this.#awaited.delete(waiters);
      if (!this.#all.has(waiters)) return;
      this.#armAnonymous(waiters, region);
      waiters.tryAll(false);
    });
  }

  #armMapped(): void {
    this.#watch ??= FutexWatch.start(() => this.#wake(), () => this.#fail());
    if (this.#watch === undefined) return; // The tick polls.
    const words = [...this.#all].flatMap(([waiters, region]) => {
      const address = region.addressOf(waiters.event);
      if (address === undefined) return [];
      // SAFETY: the address stays valid for the helper thread: a close leaves pages there.
      return [{ address, expected: region.atomics.load32(waiters.event) }];
    });
    this.#watch.watch(words);
  }

  #tryAll(patient: boolean): void {
    for (const waiters of [...this.#all.keys()]) waiters.tryAll(patient);
  }

  #wake(): void {
    this.#tryAll(false); // First, since to tell the helper is a system call.
    if (this.#all.size === 0) return;
    this.#armMapped();
    this.#tryAll(false); // A release between the two was not noticed.
  }

  #fail(): void {
    this.#watch = undefined;
    if (this.#timer === undefined) return;
    clearTimeout(this.#timer); // It may be set to the slow interval.
    this.#tick();
  }
}

const pump = new Pump();
