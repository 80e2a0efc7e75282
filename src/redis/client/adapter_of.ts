import { LONGEST_TIMER_MS } from "../../contract/deadline.ts";
import { nameOf } from "../../contract/options.ts";
import type { PlatformURL } from "../../contract/platform.ts";
import type { RedisAdapter } from "./adapter.ts";
import { checkNumber, checkOptions } from "./arguments.ts";
import { BunDriver, type BunRedisClient } from "./bun_client.ts";
import { Connection } from "./connection.ts";
import type { Driver } from "./driver.ts";
import { MisconfiguredError } from "./errors.ts";
import { type IoredisClient, IoredisDriver } from "./ioredis.ts";
import { isVersion4, type NodeRedisClient, NodeRedisDriver, WHY_NOT_4 } from "./node_redis.ts";
import { OwnNodeRedisDriver } from "./node_redis_address.ts";
import { isSentinel, SentinelDriver } from "./node_redis_sentinel.ts";
import { SharedClient } from "./shared_client.ts";

/**
 * How to reach a Redis server: a client of node-redis 5 or 6, of ioredis 4 to 6, or of Bun, also for
 * a cluster or Sentinel; an adapter for any other client; or an address, to which node-redis
 * connects if it is installed: `redis://` or `valkey://`, `rediss://` or `valkeys://` (TLS), or
 * `unix:///run/redis.sock`.
 */
export type RedisSource =
  | string
  | PlatformURL
  | NodeRedisClient
  | IoredisClient
  | BunRedisClient
  | RedisAdapter;

/** Options for the connection to a server. */
export interface ConnectionOptions {
  /**
   * How long to wait for the answer to a command, and for a connection, in milliseconds: above 0.
   *
   * @default {5000}
   */
  commandTimeout?: number;
}

const TIMEOUT_MS = 5000;
/** What each adapter was made of. */
export const sources: WeakMap<object, RedisSource> = new WeakMap();
const clients = new WeakMap<object, SharedClient>();

/**
 * Makes an adapter of a client, by the client's shape. All adapters of one client share a second
 * connection for their subscriptions; in a cluster, one to each node that has the slot of a channel.
 * It is opened when it is first needed, with the client's options (TLS, credentials). Closing an
 * adapter does not close the client.
 *
 * The database and the `keyPrefix` of a client apply to its adapters; a prefix applies to the first
 * key, to all keys of a script, and not to channels. Options that change the types of replies do
 * not apply.
 *
 * If the client is connecting again, a command waits for it, up to `commandTimeout`; it is not put
 * into the client's own queue.
 *
 * @throws {MisconfiguredError} If `source` is none of these, or no address of a Redis server.
 * @throws {TypeError} If `commandTimeout` is not a number.
 * @throws {RangeError} If it is not above 0, or too long for a timer.
 */
export function adapterOf(source: RedisSource, options: ConnectionOptions = {}): RedisAdapter {
  const adapter = connectionOf(source, options);
  sources.set(adapter, source);
  return adapter;
}

/** The same as {@linkcode adapterOf}, with its own class as the type. */
export function connectionOf(source: RedisSource, options: ConnectionOptions = {}): Connection {
  checkOptions("reach a server", options);
  const { commandTimeout = TIMEOUT_MS } = options;
  checkNumber("reach a server", "commandTimeout", commandTimeout, 0, LONGEST_TIMER_MS);
  if (commandTimeout === 0) {
    throw new RangeError("Cannot reach a server: commandTimeout must be above 0 milliseconds: 0");
  }
  const isAddress = typeof source === "string" || source instanceof URL;
  let client = isAddress ? undefined : clients.get(source);
  if (client === undefined) {
    client = new SharedClient(isAddress ? new OwnNodeRedisDriver(source) : driverOf(source));
    if (!isAddress) clients.set(source, client);
  }
  const shared = client;
  shared.users++;
  return new Connection(shared, commandTimeout, async () => {
    if (--shared.users > 0) return;
    if (!isAddress) clients.delete(source);
    await shared.close();
  });
}

function driverOf(source: object): Driver {
  const has = (...methods: string[]) =>
    methods.every((method) => typeof (source as Record<string, unknown>)[method] === "function");
  if (typeof source === "object" && source !== null) {
    if (has("call", "duplicate", "disconnect")) return new IoredisDriver(source as IoredisClient);
    if (has("sendCommand", "connect", "execute") && !has("subscribe")) {
      const why = "its commands go over several connections, in no order. Pass a single client";
      throw refused(`a pool of node-redis: ${why}`);
    }
    if (has("sendCommand", "connect") && (isSentinel(source) || has("duplicate"))) {
      if (isVersion4(source)) throw refused(`a client of node-redis that ${WHY_NOT_4}`);
      return isSentinel(source)
        ? new SentinelDriver(source)
        : new NodeRedisDriver(source as NodeRedisClient);
    }
    if (has("send", "duplicate", "connect")) return new BunDriver(source as BunRedisClient);
    if (has("send", "subscribe", "close")) return driverOfAdapter(source as RedisAdapter);
  }
  throw refused(
    `${typeof source === "object" ? nameOf(source) : typeof source}: the source must be a client ` +
      "of node-redis, ioredis or Bun, a RedisAdapter, or an address such as redis://127.0.0.1:6379",
  );
}

function refused(what: string): MisconfiguredError {
  return new MisconfiguredError(`Cannot reach a Redis server by ${what}`);
}

/** Drives an adapter that the user has written, or one of ours that is used again. */
function driverOfAdapter(adapter: RedisAdapter): Driver {
  return {
    isReady: true,
    ready: () => Promise.resolve(),
    keyPrefix: (adapter as Partial<Connection>).keyPrefix,
    send: (parts) => adapter.send(...parts as [string]),
    openSubscriber(receive) {
      const ends = new Map<string, () => Promise<void>>();
      let isClosed = false;
      return Promise.resolve({
        async subscribe(channel) {
          const end = await adapter.subscribe(channel, (message) => receive(channel, message));
          if (isClosed) await end();
          else ends.set(channel, end);
        },
        async unsubscribe(channel) {
          const end = ends.get(channel);
          ends.delete(channel);
          await end?.();
        },
        async close() {
          isClosed = true;
          await Promise.allSettled([...ends.values()].map((end) => end()));
        },
      });
    },
    close: () => Promise.resolve(), // It belongs to the user.
  };
}
