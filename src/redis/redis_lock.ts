import type { AsyncLock } from "../contract/async_lock.ts";
import { DeadlockError } from "../contract/errors.ts";
import type { Owner } from "../contract/owner.ts";
import { millisecondsSince } from "../runtime/moment.ts";
import type { ConnectionOptions, RedisSource } from "./adapter_of.ts";
import { compete, giveUp, type Grant, type Place } from "./competition.ts";
import { Hold, type Holder } from "./hold.ts";
import { InFlight } from "./in_flight.ts";
import { reliableTime } from "./lease.ts";
import { LocalHolds } from "./local_holds.ts";
import { type Alarm, Patience } from "./patience.ts";
import { RedisGuard } from "./redis_guard.ts";
import {
  type LockSettings,
  type RedisAcquireOptions,
  type RedisLockOptions,
  type ReplicaWait,
  settingsOf,
} from "./redis_lock_options.ts";
import { checkReplicas } from "./replicas.ts";
import { type Seat, seatOf } from "./seat.ts";
import { type Attempt, type LockRequest, ownerIn, valueOf, waiterOf } from "./server_lock.ts";
import { thisOwner } from "./this_owner.ts";
import { Turnstile } from "./turnstile.ts";

/**
 * A lock on a Redis or Valkey server, for processes on any number of machines. It is a lease: the
 * server forgets a holder that does not renew it, so nobody waits for a dead one for longer than
 * `leaseTime`. It is renewed here until its guard is released.
 *
 * **What no such lock can promise**: that nobody else is inside. A process can be stopped, or its
 * machine asleep, for longer than the lease, and then go on in the middle of a write. A server that
 * is restarted without its data, or replaced by a replica that has not heard of the hold, gives the
 * lock out twice; and so does one that may evict (`maxmemory-policy` other than `noeviction`).
 * Where two writers do harm, have what is written to refuse the late one: hand it
 * {@linkcode RedisGuard.token}, as in the second example. In any case, watch
 * {@linkcode RedisGuard.signal}.
 *
 * @example
 * ```ts
 * import { RedisLock } from "@interlock/interlock/redis";
 *
 * await using lock = new RedisLock("redis://127.0.0.1:6379", "nightly");
 * {
 *   await using guard = await lock.acquire({ timeout: 5000 });
 *   await fetch("data:,work", { signal: guard.signal }); // Ends if the lock is lost.
 * }
 * ```
 *
 * @example A write that is refused if it comes too late
 * ```ts
 * import { adapterOf, RedisLock, Script } from "@interlock/interlock/redis";
 *
 * // By whatever holds the data: here the same server, in a database `WHERE token <= $1`.
 * const write = new Script(`
 *   if tonumber(redis.call('HGET', KEYS[1], 'token') or 0) > tonumber(ARGV[1]) then return 0 end
 *   redis.call('HSET', KEYS[1], 'token', ARGV[1], 'text', ARGV[2])
 *   return 1
 * `);
 * const redis = adapterOf("redis://127.0.0.1:6379");
 * await using lock = new RedisLock(redis, "report");
 * {
 *   await using guard = await lock.acquire();
 *   const done = await write.run(redis, ["report"], [`${guard.token}`, "all well"]);
 *   if (done !== 1) throw new Error("Somebody else has the lock by now, and has written");
 * }
 * await redis.close();
 * ```
 */
export class RedisLock implements AsyncLock, AsyncDisposable {
  /** What the lock is called: for all clients of a server the same name is the same lock. */
  readonly name: string;

  readonly #settings: LockSettings;
  readonly #seat: Seat;
  readonly #sleepers = new Set<Alarm>();
  readonly #place: Place;
  readonly #holder: Holder<LockRequest>;
  readonly #turnstile: Turnstile | undefined;
  readonly #local: LocalHolds | undefined;
  readonly #client = crypto.randomUUID().replaceAll("-", "");
  readonly #owner: string;
  #count = 0;
  readonly #holds = new Set<Hold>();
  /** The hold that can be taken again. */
  #again: { readonly hold: Hold; readonly guard: RedisGuard; readonly shared: boolean } | undefined;
  readonly #inFlight = new InFlight();
  #closed: Promise<void> | undefined;

  /**
   * A lock of a server, or of several servers that know nothing of one another: then it is held by
   * whom more than half of them hold it for, and goes on while more than half of them are there.
   * Nothing is sent before it is acquired.
   *
   * @param source How the server is reached, or each of the servers. Of several, one that does not
   * answer is waited for `commandTimeout`, by default a tenth of the lease, from 50 to 1000 ms.
   * @throws {MisconfiguredError} If the source is no client and no address.
   * @throws {TypeError} If the name or an option cannot be used.
   * @throws {RangeError} If an option is out of bounds.
   */
  constructor(
    source: RedisSource | readonly RedisSource[],
    name: string,
    options: RedisLockOptions & ConnectionOptions = {},
  ) {
    const settings = this.#settings = settingsOf(options);
    this.name = name;
    const seat = this.#seat = seatOf(source, name, this.#client, settings, options);
    this.#place = {
      server: seat.server,
      wakes: seat.wakes,
      sleepers: this.#sleepers,
      inFlight: this.#inFlight,
      isClosed: () => this.#closed !== undefined,
    };
    this.#holder = {
      name,
      maxHold: settings.maxHold,
      inFlight: this.#inFlight,
      renew: (request) => seat.server.renew(request),
      release: (request) => seat.server.release(request),
      goesOn: (hold) => this.#goesOn(hold),
    };
    this.#owner = thisOwner(settings.label);
    if (settings.local !== undefined) this.#local = new LocalHolds(settings.local);
    // What the server puts in order is not to be put in order here, but for what is shared here.
    if (!settings.fair || settings.reentrant || this.#local) this.#turnstile = new Turnstile();
  }

  /**
   * Takes the lock if it is free; `undefined` where it is not, or where others wait for it and it is
   * fair. Does not wait for it.
   *
   * @throws {UnreachableError} If the server did not answer.
   * @throws {RefusedError} If it cannot do it now.
   * @throws {MisconfiguredError} If it never will.
   */
  async tryAcquire(options?: { shared?: boolean }): Promise<RedisGuard | undefined> {
    const shared = this.#open(options?.shared);
    const again = this.#takeAgain(shared, false);
    if (again !== undefined) return again;
    return await this.#inFlight.track(this.#try(this.#request(shared)));
  }

  /**
   * Waits for the lock. The tasks of one object get it in the order of their calls, as long as they
   * do not share. A wait keeps the process alive.
   *
   * A server that cannot be reached, or answers with a temporary error (`BUSY`, `LOADING`), is
   * tried again until the timeout, and at most for one lease.
   *
   * @throws {DOMException} Named `TimeoutError`, if the timeout ran out.
   * @throws {DeadlockError} If it is reentrant, this object shares it, and this is not to share.
   * @throws {UnreachableError} If the server did not answer, or later than the lease lasts.
   * @throws {RefusedError} If it cannot do it now; or too few replicas have it.
   * @throws {MisconfiguredError} If it never will: something else is at the key.
   * @throws {UnsupportedError} If it runs no scripts for the user, and cannot do without.
   */
  async acquire(options?: RedisAcquireOptions): Promise<RedisGuard> {
    const patience = new Patience(this.#seat.server.what, options);
    const shared = this.#open(options?.shared);
    const again = this.#takeAgain(shared, true);
    if (again !== undefined) return again;
    const turnstile = shared && !this.#settings.reentrant ? undefined : this.#turnstile;
    if (turnstile?.tryEnter() === false) await turnstile.enter(patience);
    try {
      const passed = shared ? undefined : this.#local && await this.#local.next(patience);
      return passed ?? this.#takeAgain(shared, true) ??
        await this.#inFlight.track(this.#compete(shared, patience));
    } finally {
      turnstile?.leave();
    }
  }

  /**
   * Who holds the lock alone, and since when by the server's clock; for information only.
   * `undefined` if nobody does.
   */
  async owner(): Promise<Owner | undefined> {
    this.#open();
    return await this.#seat.server.owner();
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
      this.#local?.end();
      this.#seat.stopWaiting();
      await this.#inFlight.idle();
      await Promise.allSettled([...this.#holds].map((hold) => hold.end()));
    } finally {
      this.#seat.wakes.end();
      await this.#seat.close();
    }
  }

  #open(shared: boolean = this.#settings.shared): boolean {
    if (this.#closed !== undefined) throw new TypeError(`Cannot use "${this.name}": it was closed`);
    return shared;
  }

  #takeAgain(shared: boolean, waits: boolean): RedisGuard | undefined {
    const again = this.#again;
    if (again === undefined || again.hold.lease.lost !== undefined) return undefined;
    if (again.shared && !shared) {
      if (!waits) return undefined;
      throw new DeadlockError(
        `Cannot wait for "${this.name}" alone while sharing it: release that first`,
      );
    }
    const { token, recovered, previousOwner } = again.guard;
    again.hold.guards++;
    return new RedisGuard(again.hold, token, recovered, previousOwner);
  }

  #request(shared: boolean): LockRequest {
    const { leaseTime, fair, local } = this.#settings;
    return {
      value: valueOf(this.#client, ++this.#count, this.#owner),
      leaseTime,
      shared,
      // Who was asked for its bound must not come back before those for whom it is.
      fair: fair || local !== undefined,
      tokens: shared ? 1 : local?.holds ?? 1,
    };
  }

  async #try(request: LockRequest): Promise<RedisGuard | undefined> {
    const { server } = this.#seat;
    let attempt: Attempt;
    try {
      attempt = await server.attempt(request);
    } catch (error) {
      giveUp(this.#place, request); // It may have been granted.
      throw error;
    }
    if (!attempt.granted) return undefined;
    const inTime = millisecondsSince(attempt.sent) < reliableTime(request.leaseTime);
    if (inTime) return await this.#guard(request, attempt);
    await server.withdraw(request);
    return undefined;
  }

  async #compete(shared: boolean, patience: Patience): Promise<RedisGuard> {
    const request = this.#request(shared);
    const waiter = waiterOf(this.#client, this.#count, shared);
    return await this.#guard(request, await compete(this.#place, request, waiter, patience));
  }

  async #guard(request: LockRequest, grant: Grant): Promise<RedisGuard> {
    const { reentrant, wait } = this.#settings;
    const hold = new Hold(this.#holder, request, grant.sent);
    this.#holds.add(hold);
    if (wait !== undefined) await this.#checkReplicas(hold, wait);
    const { token, previous } = grant;
    const guard = new RedisGuard(hold, token, previous !== undefined, ownerIn(previous));
    if (reentrant) this.#again = { hold, guard, shared: request.shared === true };
    if (!request.shared) this.#local?.begin(hold, token!);
    return guard;
  }

  async #checkReplicas(hold: Hold, wait: ReplicaWait): Promise<void> {
    try {
      await checkReplicas(this.#seat.adapter!, this.name, wait);
      if (hold.lease.lost !== undefined) throw hold.lease.lost;
    } catch (error) {
      await hold.giveBack().catch(() => {});
      throw error;
    }
  }

  /** Whether a hold goes on for somebody else, whose last guard has let go. */
  #goesOn(hold: Hold): boolean {
    if (this.#local?.pass(hold)) return true;
    this.#holds.delete(hold);
    if (this.#again?.hold === hold) this.#again = undefined;
    return false;
  }
}
