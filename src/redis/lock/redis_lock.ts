import type { AsyncLock } from "../../contract/async_lock.ts";
import { DeadlockError } from "../../contract/errors.ts";
import type { Owner } from "../../contract/owner.ts";
import { asyncDispose, type PlatformAsyncDisposable } from "../../contract/platform.ts";
import type { ConnectionOptions, RedisSource } from "../client/adapter_of.ts";
import { checkFlag, checkOptions } from "../client/arguments.ts";
import type { Grant } from "../lease/attempt.ts";
import { LeaseDeadline } from "../lease/lease_deadline.ts";
import { sharableGuardOf } from "../lease/lease_guard.ts";
import { LeaseSource } from "../lease/lease_source.ts";
import type { RedisSharableGuard } from "../lease/redis_guard.ts";
import { TaskQueue } from "../lease/task_queue.ts";
import { attach } from "./attach.ts";
import { LocalHandOff } from "./local_hand_off.ts";
import { namesOf, noSharing } from "./lock_names.ts";
import { type LockBackend, lockBackendOf } from "./lock_backend.ts";
import { LockHold, type SharableLock, stateOf } from "./lock_hold.ts";
import {
  type LockSettings,
  type RedisAcquireOptions,
  type RedisLockOptions,
  type RedisTryAcquireOptions,
  settingsOf,
} from "./redis_lock_options.ts";
import { ticketIn } from "./ticket.ts";
import { grantableWaiterOf, type LockRequest, waiterOf } from "../server_lock/server_lock.ts";

/**
 * A lock on a Redis or Valkey server, for processes on any number of machines: a mutex, or a
 * read-write lock (`shared`), of one name or of several at once. It is a lease: the server forgets a
 * holder that does not renew it, so waiters wait for a dead one for at most `leaseTime`. A guard's
 * lease is renewed until it is released.
 *
 * **What no such lock can promise**: that no other client is inside. A process can be stopped, or
 * its machine asleep, for longer than the lease, and then go on in the middle of a write. A server
 * can grant the lock twice if it is restarted without its data, if it is replaced by a replica that
 * has not received the hold, if its clock is set forward, or if it may evict keys
 * (`maxmemory-policy` other than `noeviction`).
 * If two writers do harm, the resource must reject the late one: pass it the guard's
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
 * @example Several names at once, and a hold that another process continues
 * ```ts
 * import { RedisLock } from "@interlock/interlock/redis";
 *
 * await using lock = new RedisLock("redis://127.0.0.1:6379", ["account 1", "account 2"]);
 * const guard = await lock.acquire(); // Both or none.
 * const ticket = await guard.detach(); // Send it to another process, which continues:
 * await using theirs = await lock.attach(ticket);
 * console.log(theirs.held, guard.held); // true false
 * ```
 *
 * @example A write that is rejected if it comes too late
 * ```ts
 * import { adapterOf, RedisLock, Script } from "@interlock/interlock/redis";
 *
 * // Run by the store of the data: here the same server, in a database `WHERE token <= $1`.
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
 *   if (done !== 1) throw new Error("Another client holds the lock by now, and has written");
 * }
 * await redis.close();
 * ```
 */
export class RedisLock implements AsyncLock, PlatformAsyncDisposable {
  /**
   * The name of the lock: for all clients of a server, the same name is the same lock. If it has
   * several names, a text that lists them.
   */
  readonly name: string;

  readonly #settings: LockSettings;
  readonly #backend: LockBackend;
  readonly #source: LeaseSource<LockRequest, LockHold, RedisSharableGuard>;
  readonly #lock: SharableLock;
  readonly #taskQueue: TaskQueue | undefined;
  readonly #handOff: LocalHandOff | undefined;
  /** The last hold, if this lock is reentrant. */
  #last: LockHold | undefined;

  /**
   * A lock of a server, or of several independent servers. With several, the client to which a
   * majority has granted the lock holds it, and it works while a majority is up. Sends nothing
   * before it is acquired.
   *
   * @param source A client, an adapter or an address; or one for each of the servers. Of several
   * servers, each is waited for at most `commandTimeout`, by default a tenth of the lease, from 50
   * to 1000 ms.
   * @param name The name of the lock; or several, from 1 to 100, which are acquired all or none, in
   * one step. A holder of one of them excludes a holder of several, and the reverse. Several names
   * are only exclusive, on one server; in a cluster, they must begin with the same hash tag, as
   * `{jobs}a` and `{jobs}b`. A waiter holds nothing, so the order of the names does not matter, and
   * no deadlock is possible. Clients that want one of the names can overtake it again and again,
   * unless both locks are `fair`.
   * @throws {MisconfiguredError} If the source is no client and no address.
   * @throws {TypeError} If the name or an option cannot be used.
   * @throws {RangeError} If an option is out of bounds.
   */
  constructor(
    source: RedisSource | readonly RedisSource[],
    name: string | readonly string[],
    options: RedisLockOptions & ConnectionOptions = {},
  ) {
    const settings = this.#settings = settingsOf(options);
    const names = namesOf(name, settings);
    const backend = this.#backend = lockBackendOf(source, names, settings, options); // Checks them.
    this.name = names.join(", ");
    const leases = this.#source = new LeaseSource(this.name, settings, backend, {
      guard: (request, grant) => this.#guard(request, grant),
      passOn: (hold) => this.#handOff?.pass(hold) ?? false,
    });
    this.#lock = {
      source: leases,
      backend,
      request: (shared) => this.#request(shared),
      onChange: (hold) => {
        if (hold.state.shared) this.#handOff?.end(hold);
        else this.#handOff?.begin(hold, hold.state.token!);
      },
      names,
      onGone: (hold) => {
        this.#handOff?.end(hold);
        leases.holds.delete(hold);
      },
    };
    if (settings.localHandOff) this.#handOff = new LocalHandOff(settings.localHandOff);
    // A fair server puts the tasks in order, unless they share a hold here.
    if (!settings.fair || settings.reentrant || this.#handOff) this.#taskQueue = new TaskQueue();
  }

  /**
   * Acquires the lock if it is free, else returns `undefined`; also if it is fair and others wait
   * for it. Never waits for a release.
   *
   * @throws {UnreachableError} If the server did not answer.
   * @throws {RefusedError} If the server cannot do it now.
   * @throws {MisconfiguredError} If it can never work: another kind of value is at the key.
   */
  async tryAcquire(options?: RedisTryAcquireOptions): Promise<RedisSharableGuard | undefined> {
    const shared = this.#modeOf(options);
    this.#source.checkOpen();
    if (this.#reentrant?.changing !== undefined) return undefined;
    const again = this.#acquireAgain(shared, false);
    if (again !== undefined) return again;
    return await this.#source.tryAcquire(this.#request(shared).request);
  }

  /**
   * Waits for the lock. The tasks of one object get it in the order of their calls, unless they
   * share it. A wait keeps the process alive.
   *
   * A server that cannot be reached, or answers with a temporary error (`BUSY`, `LOADING`), is
   * tried again until the timeout, and at most for the time of one lease.
   *
   * @throws {DOMException} Named `TimeoutError`, if the timeout ran out.
   * @throws {DeadlockError} If the lock is reentrant, this object shares it, and the call asks for
   * the exclusive lock: upgrade the guard instead.
   * @throws {UnreachableError} If the server did not answer, or later than the lease lasts.
   * @throws {RefusedError} If the server cannot do it now, or too few replicas have the hold.
   * @throws {MisconfiguredError} If it can never work: another kind of value is at the key.
   * @throws {UnsupportedError} If the server runs no scripts for the user, and they are needed.
   */
  async acquire(options?: RedisAcquireOptions): Promise<RedisSharableGuard> {
    const deadline = new LeaseDeadline(this.#backend.server.what, options);
    const shared = this.#modeOf(options);
    this.#source.checkOpen();
    if (this.#reentrant?.changing !== undefined) await this.#settle(deadline);
    const again = this.#acquireAgain(shared, true);
    if (again !== undefined) return again;
    const queue = shared && !this.#settings.reentrant ? undefined : this.#taskQueue;
    const wait = () => this.#acquireInTurn(shared, deadline);
    const guard = await (queue?.run(deadline, wait) ?? wait());
    this.#source.checkOpen(); // The close ends its hold.
    return guard;
  }

  /**
   * Continues a hold that another process, or this one, has detached: see
   * {@linkcode RedisSharableGuard.detach}. An exclusive hold gets a new token, so that a late write
   * of its earlier holder can be rejected. A server that cannot be reached is tried again for the
   * time of one lease.
   *
   * @throws {TypeError} If the ticket is no ticket, or that of another lock.
   * @throws {LockLostError} If the ticket was attached before, or its lease has run out.
   * @throws {UnreachableError} If the server did not answer. Nothing is held then.
   * @throws {RefusedError | MisconfiguredError | UnsupportedError} If the server refused it, or the
   * lock has several servers.
   */
  async attach(ticket: string): Promise<RedisSharableGuard> {
    this.#source.checkOpen();
    const { names, source } = this.#lock;
    const { value, shared } = ticketIn(ticket, names, this.#backend.server.what);
    const { request } = this.#request(shared);
    const attached = attach(source, this.#backend, value, request);
    return await source.inFlight.track(attached.then((grant) => this.#guard(request, grant)));
  }

  /**
   * The exclusive holder, and since when by the server's clock; for information only. `undefined`
   * if there is none.
   */
  async owner(): Promise<Owner | undefined> {
    this.#source.checkOpen();
    return await this.#backend.server.owner();
  }

  /**
   * Releases the holds of this object, and aborts the signals of their guards; ends its waits, waits
   * for the answers under way, and closes the connections that it has opened.
   */
  close(): Promise<void> {
    this.#handOff?.close();
    return this.#source.close();
  }

  /** The same as {@linkcode close}. */
  [asyncDispose](): Promise<void> {
    return this.close();
  }

  /** The hold that can be acquired again, if this lock is reentrant. */
  get #reentrant(): LockHold | undefined {
    return this.#last && this.#source.holds.has(this.#last) ? this.#last : undefined;
  }

  #modeOf(options: RedisTryAcquireOptions | undefined): boolean {
    checkOptions(`acquire "${this.name}"`, options);
    const { shared = this.#settings.shared } = options ?? {};
    checkFlag(`acquire "${this.name}"`, "shared", shared);
    if (shared && this.#lock.names.length > 1) throw noSharing();
    return shared;
  }

  /** Acquires the lock for a task whose turn it is. */
  async #acquireInTurn(shared: boolean, deadline: LeaseDeadline): Promise<RedisSharableGuard> {
    this.#source.checkOpen();
    const handed = shared ? undefined : this.#handOff && await this.#handOff.next(deadline);
    if (handed !== undefined) return handed;
    if (this.#reentrant?.changing !== undefined) await this.#settle(deadline);
    const again = this.#acquireAgain(shared, true);
    if (again !== undefined) return again;
    const { request, waiter } = this.#request(shared);
    return await this.#source.acquire(request, waiter, deadline);
  }

  /** Waits for a change of the mode of the hold that can be acquired again. */
  async #settle(deadline: LeaseDeadline): Promise<void> {
    for (;;) {
      const changing = this.#reentrant?.changing;
      if (changing === undefined) return;
      await deadline.wait(changing);
    }
  }

  #acquireAgain(shared: boolean, waits: boolean): RedisSharableGuard | undefined {
    const hold = this.#reentrant;
    if (hold === undefined || hold.lease.lost !== undefined) return undefined;
    if (hold.state.shared && !shared) {
      if (!waits) return undefined;
      throw new DeadlockError(
        `Cannot wait for "${this.name}" exclusively: this object shares it. Upgrade that guard, ` +
          "or release it first",
      );
    }
    hold.guards++;
    return sharableGuardOf(hold);
  }

  #request(shared: boolean): { request: LockRequest; waiter: string } {
    const { leaseTime, fair, localHandOff } = this.#settings;
    const { value, client, number } = this.#source.newRequest();
    const request = {
      value,
      leaseTime,
      shared,
      // An object whose hand-offs have reached their bound must not overtake the waiters.
      fair: fair || localHandOff !== undefined,
      tokens: shared ? 1 : localHandOff?.holds ?? 1,
    };
    // A majority of servers, replicas that confirm a hold, and the release of one of several names
    // know nothing of such a grant.
    const isGrantable = !shared && this.#backend.adapter !== undefined &&
      this.#lock.names.length === 1;
    const waiter = isGrantable ? grantableWaiterOf(request) : waiterOf(client, number, shared);
    return { request, waiter };
  }

  #guard(request: LockRequest, grant: Grant): RedisSharableGuard {
    const { reentrant } = this.#settings;
    const shared = request.shared === true;
    const hold = new LockHold(this.#lock, request, grant, stateOf(grant, shared));
    this.#source.holds.add(hold);
    const guard = sharableGuardOf(hold);
    if (reentrant) this.#last = hold;
    if (!shared) this.#handOff?.begin(hold, grant.token!);
    return guard;
  }
}
