import { onAbort } from "../contract/abort.ts";
import { Deadline } from "../contract/deadline.ts";
import { DeadlockError } from "../contract/errors.ts";
import { describeOwner } from "../contract/owner.ts";
import type { PlatformAbortSignal, PlatformDOMException } from "../contract/platform.ts";
import { isTimed } from "../contract/options.ts";
import { refuseThenable } from "../contract/refuse_thenable.ts";
import type { Attempt } from "./async_waiters.ts";
import type { Attachment } from "./attachment.ts";
import { REQUEST_STATE } from "./layout.ts";
import type { LockRequest } from "./lock_blocks.ts";
import {
  checkRequest,
  type GrantedLock,
  type LockCallback,
  type LockInfo,
  type LockManagerSnapshot,
  type LockRequestOptions,
  type LockRequestSyncOptions,
} from "./lock_request.ts";
import { LockTable, type RequestWay, type TableMemory } from "./lock_table.ts";
import { intervalAfter } from "./look_duty.ts";
import { attachmentOf } from "./memory.ts";

/** How often a thread looks whether a lock that it holds was stolen, at first and after a second. */
const [WATCH, LATE_WATCH, LONG] = [4, 25, 1000];
/** How many threads an error names. */
const NAMED = 3;

/** For callbacks that run in a later task, as the standard has it. */
const LATER: Promise<void> = Promise.resolve();

/** What the constructor requires: a program cannot get it, so it cannot call the constructor. */
const CONSTRUCT: unique symbol = Symbol("construct");

/** A request of this object that waits. */
interface Waiting {
  grant(): void;
  fail(reason: unknown): void;
}

/** Makes the manager of the locks in a memory, which errors call `what`. */
export let makeLockManager: (memory: TableMemory, what: string) => LockManager;

/**
 * The locks of a segment by names, as `navigator.locks` has them in browsers: the same methods,
 * options, order and errors, for the threads of all processes that open the segment. A program that
 * is written for `navigator.locks` runs with `const { locks } = segment`.
 *
 * A name can be any string. A lock takes bytes of the segment only while it is requested or held: 128
 * for a name of up to 16 characters and its first request, 64 for each other request and each 16
 * characters more. Requests for a name are granted in their order, whichever thread made them. If a
 * thread dies, its locks are released, and its requests end.
 *
 * @example
 * ```ts
 * import { Segment } from "@interlock/interlock";
 *
 * const { locks } = Segment.anonymous(65536);
 * const sum = await locks.request("account", async (lock) => {
 *   console.log(lock?.mode); // exclusive
 *   const { held } = await locks.query();
 *   return held.length + 1;
 * });
 * await locks.request("account", { ifAvailable: true }, (lock) => console.log(lock !== null, sum));
 * ```
 */
export class LockManager {
  readonly #attachment: Attachment;
  readonly #table: LockTable;
  /** The requests of this object that wait, by their blocks. */
  readonly #waiting = new Map<number, Waiting>();
  /** What rejects the promises of the locks that this object holds for a promise, by their blocks. */
  readonly #held = new Map<number, () => void>();
  /** The locks that this object holds. */
  #count = 0;
  #isLooking = false;
  /** The timer of the next look for thieves, and when such looks began. */
  #timer: ReturnType<typeof setTimeout> | undefined;
  #since = 0;

  private constructor(key: typeof CONSTRUCT, memory: TableMemory, what: string) {
    if (key !== CONSTRUCT) {
      throw new TypeError("Cannot construct a LockManager: use segment.locks");
    }
    this.#attachment = attachmentOf(memory.memory, "locks");
    this.#table = new LockTable(
      memory,
      what,
      (block) => this.#waiting.has(block) || this.#held.has(block),
      (block) => this.#look(block),
    );
    this.#attachment.locks.add(this, this.#table.offset);
    this.#attachment.endings.add(() => this.#endAll());
  }

  static {
    makeLockManager = (memory, what) => new LockManager(CONSTRUCT, memory, what);
  }

  /** Whether this object holds a lock, so that the segment cannot be closed. */
  get held(): boolean {
    return this.#count > 0;
  }

  /**
   * Requests a lock, and calls `callback` with it when it is granted. The lock is held until the
   * promise that `callback` returns is settled; or until it returns, if that is no promise. A
   * request that waits keeps the process alive.
   *
   * @returns What `callback` returns, after the lock is released. Rejected with what it throws; with
   * the reason of the signal; or with an `AbortError`, if the lock was stolen.
   * @throws {TypeError} If an argument is missing or of a wrong type, or the segment is closed.
   * @throws {RangeError} If the segment has no room for the request.
   * @throws {DOMException} Named `NotSupportedError`, if the name begins with `-`, or two options
   * exclude each other.
   */
  request<T>(name: string, callback: LockCallback<T>): Promise<Awaited<T>>;
  /** The same with options, which come before the callback. */
  request<T>(
    name: string,
    options: LockRequestOptions,
    callback: LockCallback<T>,
  ): Promise<Awaited<T>>;
  request<T>(...values: unknown[]): Promise<Awaited<T>> {
    // Not an async function, which would make more promises.
    try {
      const { name, mode, ifAvailable, steal, signal, callback } = checkRequest<T>(values);
      const lock = new Lock(name, mode);
      const way = steal ? "steal" : ifAvailable ? "try" : "wait";
      let abort = (_reason: unknown) => {};
      // First: a signal may refuse to be listened to.
      const stop = onAbort(signal, (reason) => abort(reason));
      let block: number;
      try {
        block = this.#ask(lock, way, false);
      } catch (error) {
        stop();
        throw error;
      }
      const run = () => LATER.then(() => this.#run(block, lock, callback, signal));
      if (block >= 0) {
        stop();
        return run() as Promise<Awaited<T>>;
      }
      block = -block;
      return new Promise((resolve, reject) => {
        const fail = (reason: unknown) => {
          stop();
          reject(reason);
        };
        const grant = () => {
          stop();
          this.#count++;
          resolve(run() as Promise<Awaited<T>>);
        };
        abort = (reason) => {
          this.#waiting.delete(block);
          fail(reason);
          this.#table.end(block);
        };
        this.#waiting.set(block, { grant, fail });
        this.#lookOut();
      });
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Requests a lock, blocking the thread until it is granted, and calls `callback` with it. The lock
   * is released when `callback` returns or throws.
   *
   * @returns What `callback` returns.
   * @throws {TypeError} If the result is a promise or another thenable: the lock would be released
   * before it settles. Use `request`.
   * @throws {DOMException} Named `TimeoutError`, if the timeout ran out; `AbortError`, if the lock
   * was stolen; `NotSupportedError` as in {@linkcode request}.
   * @throws {DeadlockError} If this thread holds the lock, or waits for it, so that the wait would
   * never end.
   * @throws {RangeError} If the segment has no room for the request.
   */
  requestSync<T>(name: string, callback: LockCallback<T>): T;
  /** The same with options, which come before the callback. */
  requestSync<T>(name: string, options: LockRequestSyncOptions, callback: LockCallback<T>): T;
  requestSync<T>(...values: unknown[]): T {
    const { name, mode, ifAvailable, steal, signal, timeout, callback } = checkRequest<T>(values);
    const lock = new Lock(name, mode);
    const block = this.#ask(lock, steal ? "steal" : ifAvailable ? "try" : "wait", true);
    if (block < 0) this.#sleep(-block, lock, { signal, timeout });
    let result: T;
    let isStolen = false;
    try {
      result = callback(block === 0 ? null : lock);
    } finally {
      if (block !== 0) isStolen = this.#release(Math.abs(block));
    }
    if (isStolen) throw stolen(lock);
    refuseThenable(result, "request a lock", "request");
    return result;
  }

  /**
   * The locks that are held and the requests that wait, of all threads that have the segment open,
   * in the order in which they were requested. Takes 20 us for each of the threads.
   *
   * @throws {TypeError} If the segment is closed.
   */
  query(): Promise<LockManagerSnapshot> {
    try {
      const requests = this.#table.requests();
      const infos = (isHeld: boolean) =>
        requests.filter((request) => request.isHeld === isHeld).map((request) =>
          this.#infoOf(request)
        );
      return Promise.resolve({ held: infos(true), pending: infos(false) });
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #infoOf({ name, isShared, owner }: LockRequest): LockInfo {
    const { runtime, pid, thread } = this.#attachment.threads.describe(owner) ?? {};
    const clientId = `${runtime ?? "unknown"}-${pid ?? 0}-${thread ?? 0}-${owner}`;
    return { name, mode: isShared ? "shared" : "exclusive", clientId };
  }

  /** Makes a request; see `LockTable.request`. */
  #ask({ name, mode }: GrantedLock, way: RequestWay, sleeps: boolean): number {
    const isShared = mode === "shared";
    // Nothing is stolen from the dead, who would not end it.
    if (way === "steal") this.#table.reap(this.#table.ownersOf(name));
    let block = this.#table.request(name, isShared, way, sleeps);
    if (block === 0 && this.#table.reap(this.#table.ownersOf(name))) {
      block = this.#table.request(name, isShared, way, sleeps);
    }
    if (block > 0) this.#count++;
    return block;
  }

  /** Releases a lock; returns whether it was stolen. */
  #release(block: number): boolean {
    this.#count--;
    return this.#table.end(block);
  }

  /** Calls the callback of a request that was granted; of block 0, that was not. */
  #run<T>(
    block: number,
    lock: GrantedLock,
    callback: LockCallback<T>,
    signal: PlatformAbortSignal | undefined,
  ): T | PromiseLike<T> {
    if (block === 0) return callback(null);
    let result: T;
    try {
      signal?.throwIfAborted();
      result = callback(lock);
    } catch (error) {
      throw this.#release(block) ? stolen(lock) : error;
    }
    if (isObject(result)) return this.#hold(block, lock, result);
    if (this.#release(block)) throw stolen(lock);
    return result;
  }

  /** Holds a lock until a promise is settled. */
  #hold<T>(block: number, lock: GrantedLock, result: T): Promise<T> {
    return new Promise((resolve, reject) => {
      const end = (settle: () => void) => {
        if (!this.#held.delete(block)) return; // It was stolen, and the promise is rejected.
        if (this.#release(block)) reject(stolen(lock));
        else settle();
      };
      this.#held.set(block, () => reject(stolen(lock)));
      new Promise<Awaited<T>>((resolve) => resolve(result as Awaited<T>)).then(
        (value) => end(() => resolve(value)),
        (reason) => end(() => reject(reason)),
      );
      this.#watch();
      this.#look(block); // It may have been stolen before the callback was called.
    });
  }

  /** Waits until a request is granted, blocking the thread. */
  #sleep(
    block: number,
    lock: GrantedLock,
    options: { signal: PlatformAbortSignal | undefined; timeout: number | undefined },
  ): void {
    const { threads, thread, waitRecords } = this.#attachment;
    const table = this.#table;
    const start = performance.now();
    let isStill = false;
    try {
      const deadline = new Deadline(options, () => this.#timeoutMessage(block, lock));
      for (const owner of table.ownersBefore(block)) {
        if (owner === this.#attachment.identity || threads.isMine(owner, thread)) {
          throw new DeadlockError(
            `Cannot wait for the lock ${
              JSON.stringify(lock.name)
            }: this thread holds it, or waits ` +
              "for it, so the wait would never end",
          );
        }
      }
      waitRecords!.block(table.at, { kind: "lock", isTimed: isTimed(options) });
      while (table.stateOf(block) === REQUEST_STATE.waits) {
        const blockers = table.blockers([block]);
        const { left } = deadline;
        if (isStill || left <= 0) table.reap(blockers);
        if (table.stateOf(block) !== REQUEST_STATE.waits) break;
        deadline.check();
        const began = performance.now();
        const time = Math.min(intervalAfter(began - start), left);
        const woken = table.sleep(block, time, [...blockers].at(-1) ?? 0);
        // Neither woken, nor stopped by another state. Clocks are rounded.
        isStill = !woken && performance.now() - began >= time - 0.1;
      }
      this.#count++;
    } catch (error) {
      table.end(block);
      throw error;
    } finally {
      waitRecords!.unblock();
    }
  }

  #timeoutMessage(block: number, { name }: GrantedLock): string {
    const owners = [...this.#table.ownersBefore(block)]
      .map((owner) => describeOwner(this.#attachment.threads.describe(owner)));
    const more = owners.length > NAMED ? `; and by ${owners.length - NAMED} other threads` : "";
    return `Cannot acquire the lock ${JSON.stringify(name)} in time: it is held or requested by ` +
      (owners.slice(0, NAMED).join("; by ") || "no thread now") + more;
  }

  /** Looks what has become of a request. */
  #look(block: number): void {
    const state = this.#table.stateOf(block);
    const waiting = this.#waiting.get(block);
    if (waiting !== undefined && state !== REQUEST_STATE.waits) {
      this.#waiting.delete(block);
      waiting.grant();
    }
    const reject = this.#held.get(block);
    if (reject !== undefined && state === REQUEST_STATE.stolen) {
      this.#held.delete(block);
      this.#release(block);
      reject();
    }
  }

  /** Looks after the requests that wait, until none does. */
  #lookOut(): void {
    if (this.#isLooking) return;
    this.#isLooking = true;
    const attempt: Attempt<true> = {
      kind: "lock",
      run: (patient) => this.#lookAtAll(patient),
      timeoutMessage: () => "Cannot wait any longer for locks",
    };
    this.#attachment.asyncWaiters.wait(this.#table.at, attempt, undefined).catch((error) => {
      this.#isLooking = false;
      const waiting = [...this.#waiting];
      this.#waiting.clear();
      for (const [block, { fail }] of waiting) {
        fail(error);
        if (!this.#attachment.region.closed) this.#table.end(block);
      }
    });
  }

  #lookAtAll(patient: boolean): true | undefined {
    for (const block of [...this.#waiting.keys(), ...this.#held.keys()]) this.#look(block);
    if (patient && this.#waiting.size > 0) {
      this.#table.reap(this.#table.blockers(this.#waiting.keys()));
    }
    if (this.#waiting.size > 0) return undefined;
    this.#isLooking = false;
    return true;
  }

  /** Looks again and again whether a lock was stolen. Does not keep the process alive. */
  #watch(): void {
    if (this.#timer !== undefined) return;
    const now = performance.now();
    if (this.#held.size === 1) this.#since = now;
    const timer = setTimeout(() => {
      this.#timer = undefined;
      for (const block of [...this.#held.keys()]) this.#look(block);
      if (this.#held.size > 0) this.#watch();
    }, now - this.#since > LONG ? LATE_WATCH : WATCH);
    this.#timer = timer;
    (timer as { unref?(): void }).unref?.(); // A number in browsers.
  }

  /** Ends all requests, before the memory is closed. */
  #endAll(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const [block, { fail }] of waiting) {
      fail(new TypeError("Cannot wait any longer: the memory was closed"));
      this.#table.end(block);
    }
  }
}

/** A lock that was granted. */
class Lock implements GrantedLock {
  readonly name: string;
  readonly mode: GrantedLock["mode"];

  constructor(name: string, mode: GrantedLock["mode"]) {
    this.name = name;
    this.mode = mode;
  }
}

function isObject(value: unknown): boolean {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}

function stolen({ name }: GrantedLock): PlatformDOMException {
  return new DOMException(
    `The lock ${JSON.stringify(name)} was stolen by another request, with steal: true`,
    "AbortError",
  );
}
