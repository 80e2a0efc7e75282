import type { AcquireOptions } from "../contract/options.ts";
import { millisecondsSince } from "../runtime/moment.ts";
import { connectionOf, type ConnectionOptions, type RedisSource } from "./adapter_of.ts";
import { compete, giveUp, type Grant, type Place } from "./competition.ts";
import type { Connection } from "./connection.ts";
import { Hold, type Holder } from "./hold.ts";
import { InFlight } from "./in_flight.ts";
import { reliableTime } from "./lease.ts";
import { type Alarm, Patience } from "./patience.ts";
import { RedisGuard } from "./redis_guard.ts";
import { type LockSettings, type RedisLockOptions, settingsOf } from "./redis_lock_options.ts";
import { type Attempt, valueOf } from "./server_lock.ts";
import { type PermitRequest, permitWaiterOf, ServerSemaphore } from "./server_semaphore.ts";
import { thisOwner } from "./this_owner.ts";
import { Turnstile } from "./turnstile.ts";
import { Wakes } from "./wakes.ts";

/** How a {@linkcode RedisSemaphore} is to be. */
export type RedisSemaphoreOptions = Pick<
  RedisLockOptions,
  "leaseTime" | "maxHold" | "fair" | "label"
>;

/** How long to wait for permits, and for how many. */
export interface PermitOptions extends AcquireOptions {
  /**
   * How many permits, from 1 to all there are. All of them at once, or none.
   *
   * @default {1}
   */
  permits?: number;
}

/** The most permits that a semaphore can have. */
const MOST = 1_000_000;

/**
 * At most so many holders at a time, over any number of machines. Each hold is a lease of its own:
 * what a holder that died has taken comes back when its lease ends, by the clock of the server, and
 * what one that lives has is renewed until its guard is released.
 *
 * A guard is as good as that of a `RedisLock`: who was stopped for longer than its lease is one
 * more than there should be, until it looks at its {@linkcode RedisGuard.signal}.
 *
 * @example
 * ```ts
 * import { RedisSemaphore } from "@interlock/interlock/redis";
 *
 * await using downloads = new RedisSemaphore("redis://127.0.0.1:6379", "downloads", 3);
 * {
 *   await using guard = await downloads.acquire({ timeout: 5000 });
 *   await fetch("data:,work", { signal: guard.signal }); // With two others at most.
 * }
 * ```
 */
export class RedisSemaphore implements AsyncDisposable {
  /** What the semaphore is called: for all clients of a server the same name is the same one. */
  readonly name: string;
  /** How many permits there are. */
  readonly permits: number;

  readonly #settings: LockSettings;
  readonly #adapter: Connection;
  readonly #server: ServerSemaphore;
  readonly #wakes: Wakes;
  readonly #sleepers = new Set<Alarm>();
  readonly #turnstile: Turnstile | undefined;
  readonly #client = crypto.randomUUID().replaceAll("-", "");
  readonly #owner: string;
  readonly #place: Place<PermitRequest>;
  readonly #holder: Holder<PermitRequest>;
  readonly #holds = new Set<Hold<PermitRequest>>();
  #count = 0;
  readonly #inFlight = new InFlight();
  #closed: Promise<void> | undefined;

  /**
   * A semaphore of a server. Nothing is sent before it is acquired.
   *
   * @param permits How many there are, from 1 to 1,000,000: the same number for all who use it. It
   * can be changed while nobody holds any nor waits.
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
    const { leaseTime, maxHold, fair, label } = options;
    this.#settings = settingsOf({ leaseTime, maxHold, fair, label });
    this.name = name;
    this.permits = checkPermits(permits, MOST);
    this.#adapter = connectionOf(source, options);
    this.#server = new ServerSemaphore(this.#adapter, name, permits);
    this.#wakes = new Wakes(this.#adapter, this.#server, this.#client);
    this.#place = {
      server: this.#server,
      wakes: this.#wakes,
      sleepers: this.#sleepers,
      inFlight: this.#inFlight,
      isClosed: () => this.#closed !== undefined,
    };
    this.#holder = {
      name,
      maxHold: this.#settings.maxHold,
      inFlight: this.#inFlight,
      renew: (request) => this.#server.renew(request),
      release: (request) => this.#server.release(request),
      goesOn: (hold) => {
        this.#holds.delete(hold);
        return false;
      },
    };
    this.#owner = thisOwner(label);
    if (!this.#settings.fair) this.#turnstile = new Turnstile();
  }

  /**
   * Takes permits if there are enough of them; `undefined` where there are not, or where others wait
   * for them and it is fair. Does not wait for them.
   *
   * @param permits How many, all of them at once. Default: 1.
   * @throws {UnreachableError} If the server did not answer.
   * @throws {RefusedError} If it cannot do it now.
   * @throws {MisconfiguredError} If it never will; or others use it with another number of permits.
   */
  async tryAcquire(permits = 1): Promise<RedisGuard | undefined> {
    this.#checkOpen();
    const request = this.#request(checkPermits(permits, this.permits));
    return await this.#inFlight.track(this.#try(request));
  }

  /**
   * Waits for permits. The tasks of one object get them in the order of their calls, so who wants
   * many is not starved by those who want few. A wait keeps the process alive.
   *
   * A server that cannot be reached, or answers with a temporary error (`BUSY`, `LOADING`), is
   * tried again until the timeout, and at most for one lease.
   *
   * @throws {DOMException} Named `TimeoutError`, if the timeout ran out.
   * @throws {UnreachableError} If the server did not answer, or later than the lease lasts.
   * @throws {RefusedError} If it cannot do it now.
   * @throws {MisconfiguredError} If it never will; or others use it with another number of permits.
   */
  async acquire(options?: PermitOptions): Promise<RedisGuard> {
    const patience = new Patience(this.#server.what, options);
    this.#checkOpen();
    const wanted = checkPermits(options?.permits ?? 1, this.permits);
    if (this.#turnstile?.tryEnter() === false) await this.#turnstile.enter(patience);
    try {
      const request = this.#request(wanted);
      const waiter = permitWaiterOf(this.#client, this.#count, wanted);
      return await this.#inFlight.track(
        compete(this.#place, request, waiter, patience).then((grant) =>
          this.#guard(request, grant)
        ),
      );
    } finally {
      this.#turnstile?.leave();
    }
  }

  /** How many permits are free at this moment; for information only. */
  async available(): Promise<number> {
    this.#checkOpen();
    return Math.max(0, this.permits - await this.#server.held());
  }

  /**
   * Releases what this object holds, ends its waits, waits for what was sent, and closes what it has
   * opened.
   */
  close(): Promise<void> {
    return this.#closed ??= this.#close();
  }

  /** The same as {@linkcode close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    try {
      for (const alarm of this.#sleepers) alarm.ring(); // They see that it is closed.
      this.#adapter.stopWaiting();
      await this.#inFlight.idle();
      await Promise.allSettled([...this.#holds].map((hold) => hold.end()));
    } finally {
      this.#wakes.end();
      await this.#adapter.close();
    }
  }

  #checkOpen(): void {
    if (this.#closed !== undefined) throw new TypeError(`Cannot use "${this.name}": it was closed`);
  }

  async #try(request: PermitRequest): Promise<RedisGuard | undefined> {
    let attempt: Attempt;
    try {
      attempt = await this.#server.attempt(request);
    } catch (error) {
      giveUp(this.#place, request); // They may have been granted.
      throw error;
    }
    if (!attempt.granted) return undefined;
    const inTime = millisecondsSince(attempt.sent) < reliableTime(request.leaseTime);
    if (inTime) return this.#guard(request, attempt);
    await this.#server.withdraw(request);
    return undefined;
  }

  #request(wanted: number): PermitRequest {
    const { leaseTime, fair } = this.#settings;
    return { value: valueOf(this.#client, ++this.#count, this.#owner), leaseTime, wanted, fair };
  }

  #guard(request: PermitRequest, grant: Grant): RedisGuard {
    const hold = new Hold(this.#holder, request, grant.sent);
    this.#holds.add(hold);
    return new RedisGuard(hold, grant.token);
  }
}

function checkPermits(permits: number, most: number): number {
  if (!Number.isInteger(permits)) {
    throw new TypeError(`Cannot take permits: their number must be whole: ${permits}`);
  }
  if (permits >= 1 && permits <= most) return permits;
  throw new RangeError(`Cannot take permits: their number must be from 1 to ${most}: ${permits}`);
}
