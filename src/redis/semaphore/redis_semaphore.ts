import { type AcquireOptions, nameOf } from "../../contract/options.ts";
import { asyncDispose, type PlatformAsyncDisposable } from "../../contract/platform.ts";
import { connectionOf, type ConnectionOptions, type RedisSource } from "../client/adapter_of.ts";
import { checkOptions } from "../client/arguments.ts";
import type { Grant } from "../lease/attempt.ts";
import { Hold } from "../lease/hold.ts";
import { LeaseDeadline } from "../lease/lease_deadline.ts";
import { guardOf } from "../lease/lease_guard.ts";
import { backendOf } from "../lease/lease_server.ts";
import { LeaseSource } from "../lease/lease_source.ts";
import type { RedisGuard } from "../lease/redis_guard.ts";
import {
  type LockSettings,
  type RedisLockOptions,
  settingsOf,
} from "../lock/redis_lock_options.ts";
import { PermitGate } from "./permit_gate.ts";
import { type PermitRequest, permitWaiterOf, ServerSemaphore } from "./server_semaphore.ts";

/** Options for `RedisSemaphore`. */
export type RedisSemaphoreOptions = Pick<
  RedisLockOptions,
  "leaseTime" | "maxHold" | "fair" | "label"
>;

/** Options for `RedisSemaphore.tryAcquire`. */
export interface TryAcquirePermitsOptions {
  /**
   * How many permits, from 1 to all there are. The semaphore grants all of them at once, or none.
   *
   * @default {1}
   */
  permits?: number;
}

/** Options for `RedisSemaphore.acquire`. */
export interface AcquirePermitsOptions extends AcquireOptions, TryAcquirePermitsOptions {}

/** The most permits that a semaphore can have. */
const MOST = 1_000_000;

/**
 * A semaphore on a Redis or Valkey server: limits concurrent holders, over any number of machines.
 * Each hold is a lease of its own. The permits of a holder that died come back when its lease ends,
 * by the clock of the server; a live holder's lease is renewed until its guard is released.
 *
 * A guard promises what that of a `RedisLock` does: a holder that was stopped for longer than its
 * lease is one too many, until it looks at its {@linkcode RedisGuard.signal}.
 *
 * @example
 * ```ts
 * import { RedisSemaphore } from "@interlock/interlock/redis";
 *
 * await using downloads = new RedisSemaphore("redis://127.0.0.1:6379", "downloads", 3);
 * {
 *   await using guard = await downloads.acquire({ timeout: 5000 });
 *   await fetch("data:,work", { signal: guard.signal }); // With at most two others.
 * }
 * ```
 */
export class RedisSemaphore implements PlatformAsyncDisposable {
  /** The name: for all clients of a server, the same name is the same semaphore. */
  readonly name: string;
  /** How many permits there are. */
  readonly permits: number;

  readonly #settings: LockSettings;
  readonly #server: ServerSemaphore;
  readonly #source: LeaseSource<PermitRequest, Hold<PermitRequest>, RedisGuard<number>>;
  readonly #gate: PermitGate | undefined;

  /**
   * A semaphore of a server. Sends nothing before it is acquired.
   *
   * @param source A client, an adapter or an address.
   * @param permits How many there are, from 1 to 1,000,000: the same number for all users. It can
   * be changed while there are no holders and no waiters.
   * @throws {MisconfiguredError} If the source is no client and no address.
   * @throws {TypeError} If the name, the number or an option cannot be used.
   * @throws {RangeError} If the number or an option is out of bounds.
   */
  constructor(
    source: RedisSource,
    name: string,
    permits: number,
    options: RedisSemaphoreOptions & ConnectionOptions = {},
  ) {
    checkOptions("create a semaphore", options);
    const { leaseTime, maxHold, fair, label } = options;
    const settings = settingsOf({ leaseTime, maxHold, fair, label }, "create a semaphore");
    this.#settings = settings;
    this.permits = checkPermits("create a semaphore", permits, MOST);
    const adapter = connectionOf(source, options);
    const server = this.#server = new ServerSemaphore(adapter, name, permits);
    this.name = name;
    const backend = backendOf<PermitRequest, ServerSemaphore>(adapter, server);
    this.#source = new LeaseSource(name, settings, backend, {
      guard: (request, grant) => this.#guard(request, grant),
    });
    if (!settings.fair) this.#gate = new PermitGate(permits);
  }

  /**
   * Acquires permits if enough of them are free, else returns `undefined`; also if it is fair and
   * others wait for permits. Never waits for a release.
   *
   * @throws {UnreachableError} If the server did not answer.
   * @throws {RefusedError} If the server cannot do it now.
   * @throws {MisconfiguredError} If it can never work, or others use another number of permits.
   */
  async tryAcquire(options?: TryAcquirePermitsOptions): Promise<RedisGuard<number> | undefined> {
    const wanted = this.#wantedIn(options);
    this.#source.checkOpen();
    return await this.#source.tryAcquire(this.#request(wanted, this.#settings.fair).request);
  }

  /**
   * Waits for permits. Requests for few permits do not starve one for many: waiters get their
   * permits in the order they came, and a client that has not waited can overtake only a first
   * waiter that has waited for less than 20 ms, or none if the semaphore is `fair`. Up to 128 tasks
   * of one object ask the server at the same time. A wait keeps the process alive.
   *
   * A server that cannot be reached, or answers with a temporary error (`BUSY`, `LOADING`), is
   * tried again until the timeout, and at most for the time of one lease.
   *
   * @throws {DOMException} Named `TimeoutError`, if the timeout ran out.
   * @throws {UnreachableError} If the server did not answer, or later than the lease lasts.
   * @throws {RefusedError} If the server cannot do it now.
   * @throws {MisconfiguredError} If it can never work, or others use another number of permits.
   */
  async acquire(options?: AcquirePermitsOptions): Promise<RedisGuard<number>> {
    const deadline = new LeaseDeadline(this.#server.what, options);
    const wanted = this.#wantedIn(options);
    this.#source.checkOpen();
    const wait = () => {
      const fair = this.#gate?.isShared ?? true; // It does not overtake other tasks of its own.
      const { request, waiter } = this.#request(wanted, fair);
      return this.#source.acquire(request, waiter, deadline);
    };
    return await (this.#gate?.run(wanted, deadline, wait) ?? wait());
  }

  /** How many permits are free at this moment; for information only. */
  async available(): Promise<number> {
    this.#source.checkOpen();
    return Math.max(0, this.permits - await this.#server.held());
  }

  /**
   * Releases the holds of this object, and aborts the signals of their guards; ends its waits, waits
   * for the answers under way, and closes the connections that it has opened.
   */
  close(): Promise<void> {
    return this.#source.close();
  }

  /** The same as {@linkcode close}. */
  [asyncDispose](): Promise<void> {
    return this.close();
  }

  #wantedIn(options: TryAcquirePermitsOptions | undefined): number {
    const what = `acquire permits of "${this.name}"`;
    checkOptions(what, options);
    return checkPermits(what, options?.permits === undefined ? 1 : options.permits, this.permits);
  }

  #request(wanted: number, fair: boolean): { request: PermitRequest; waiter: string } {
    const { leaseTime } = this.#settings;
    const { value } = this.#source.newRequest();
    const request = { value, leaseTime, wanted, fair };
    return { request, waiter: permitWaiterOf(request) };
  }

  #guard(request: PermitRequest, grant: Grant): RedisGuard<number> {
    const { token } = grant;
    const state = { token, recovered: false, previousOwner: undefined, shared: false };
    const hold = new Hold(this.#source, request, grant, state);
    this.#source.holds.add(hold);
    return guardOf(hold);
  }
}

function checkPermits(what: string, permits: unknown, most: number): number {
  if (typeof permits !== "number" || !Number.isInteger(permits)) {
    throw new TypeError(`Cannot ${what}: permits must be a whole number, not ${nameOf(permits)}`);
  }
  if (permits >= 1 && permits <= most) return permits;
  throw new RangeError(`Cannot ${what}: permits must be from 1 to ${most} (given ${permits})`);
}
