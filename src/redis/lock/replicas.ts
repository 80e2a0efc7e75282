import { LONGEST_TIMER_MS } from "../../contract/deadline.ts";
import type { ConnectionOptions, RedisSource } from "../client/adapter_of.ts";
import type { RedisAdapter } from "../client/adapter.ts";
import { explained, RefusedError } from "../client/errors.ts";
import { partOf } from "../client/names.ts";
import { OwnConnection } from "../client/own_connection.ts";
import type { Attempt } from "../lease/attempt.ts";
import { RENEW } from "../server_lock/lock_scripts.ts";
import { type LockRequest, ServerLock } from "../server_lock/server_lock.ts";
import type { ReplicaOptions } from "./redis_lock_options.ts";

/**
 * A lock on one server of which a hold, and each renewal of it, counts only if enough replicas have
 * it. So after a failover to such a replica, the old master cannot go on renewing.
 *
 * `WAIT` waits for the last write of its own connection, so a renewal is written before it. The
 * connection is used for nothing else, since `WAIT` blocks it.
 */
export class ReplicatedLock extends ServerLock {
  readonly #own: OwnConnection;
  readonly #keys: readonly string[];
  readonly #replicas: ReplicaOptions;

  /** The lock called `name`; `own` is a connection of its own to the server of `adapter`. */
  constructor(adapter: RedisAdapter, own: OwnConnection, name: string, replicas: ReplicaOptions) {
    super(adapter, name);
    this.#own = own;
    this.#keys = [partOf(name, "lock"), partOf(name, "shared")];
    this.#replicas = replicas;
  }

  override async attempt(request: LockRequest, waiter?: string, ticket?: string): Promise<Attempt> {
    const attempt = await super.attempt(request, waiter, ticket);
    return attempt.granted ? await this.#confirmed(request, attempt) : attempt;
  }

  override async upgrade(request: LockRequest, next: LockRequest): Promise<Attempt | undefined> {
    const attempt = await super.upgrade(request, next);
    return attempt?.granted ? await this.#confirmed(next, attempt) : attempt;
  }

  /** Renews the hold, and waits until enough replicas have it. */
  override async renew({ value, leaseTime, shared }: LockRequest): Promise<boolean> {
    const { count, timeout } = this.#replicas;
    const connection = await this.#own.open();
    const keys = this.#keys.slice(0, shared ? 2 : 1);
    // With its source, so that it is not sent again after WAIT.
    const renewed = connection.send(
      "EVAL",
      RENEW,
      `${keys.length}`,
      ...keys,
      value,
      `${leaseTime}`,
    );
    const waited = connection.send("WAIT", `${count}`, `${timeout}`);
    waited.catch(() => {}); // The first one says why.
    if (await explained(`renew ${this.what}`, renewed) !== 1) return false;
    const have = Number(await explained(`wait for the replicas of ${this.what}`, waited));
    if (have >= count) return true;
    throw new RefusedError(
      `Cannot hold ${this.what}: ${have} of ${count} replicas had it within ${timeout} ms. ` +
        "Repair the replication, or ask for fewer replicas",
      "NOREPLICAS",
    );
  }

  /** Gives the grant back if the replicas do not have it. */
  async #confirmed(request: LockRequest, attempt: Attempt): Promise<Attempt> {
    let isHeld = false;
    try {
      isHeld = await this.renew(request);
      if (isHeld) return attempt;
    } finally {
      if (!isHeld) await this.withdraw(request).catch(() => {}); // Its lease ends it.
    }
    throw new RefusedError(
      `Cannot acquire ${this.what}: the hold is not found by another connection of the client. ` +
        "There was a failover (try again), or the client selects a database later (give it as an " +
        "option of the client)",
      "NOREPLICAS",
    );
  }
}

/** Makes the connection over which the replicas are waited for. */
export function replicaConnectionOf(
  source: RedisSource,
  { timeout }: ReplicaOptions,
  { commandTimeout = 5000 }: ConnectionOptions,
): OwnConnection {
  const options = { commandTimeout: Math.min(commandTimeout + timeout, LONGEST_TIMER_MS) };
  return new OwnConnection(source, options, "wait for replicas");
}
