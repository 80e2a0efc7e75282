import type { RedisAdapter } from "./adapter.ts";
import { BunDriver, type BunRedisClient } from "./bun_client.ts";
import { Connection } from "./connection.ts";
import type { Driver } from "./driver.ts";
import { MisconfiguredError } from "./errors.ts";
import { type IoredisClient, IoredisDriver } from "./ioredis.ts";
import { type NodeRedisClient, NodeRedisDriver, OwnNodeRedisDriver } from "./node_redis.ts";
import { SharedClient } from "./sharing.ts";

/**
 * What a Redis server is reached by: a client of node-redis, of ioredis or of Bun; an adapter for
 * any other; or an address, to which node-redis connects if it is installed.
 */
export type RedisSource =
  | string
  | URL
  | NodeRedisClient
  | IoredisClient
  | BunRedisClient
  | RedisAdapter;

/** How a server is reached. */
export interface ConnectionOptions {
  /**
   * How long to wait for the answer to one command, and for a connection, in milliseconds.
   *
   * @default {5000}
   */
  commandTimeout?: number;
}

const TIMEOUT_MS = 5000;
const clients = new WeakMap<object, SharedClient>();

/**
 * The adapter of a client, by the client's shape. All adapters of one client share one more
 * connection for their subscriptions, opened when it is first wanted, with the client's options
 * (TLS, credentials). The client itself stays open when they are closed.
 *
 * A client that is just connecting again is waited for, up to `commandTimeout`; commands are not
 * put in its own queue.
 *
 * @throws {MisconfiguredError} If it is none of these, or no address of a Redis server.
 * @throws {RangeError} If `commandTimeout` is not a number of milliseconds above 0.
 */
export function adapterOf(source: RedisSource, options: ConnectionOptions = {}): RedisAdapter {
  return connectionOf(source, options);
}

/** The same as {@linkcode adapterOf}, with its own class as the type. */
export function connectionOf(source: RedisSource, options: ConnectionOptions = {}): Connection {
  const { commandTimeout = TIMEOUT_MS } = options;
  if (!(commandTimeout > 0 && commandTimeout < 2 ** 31)) {
    throw new RangeError(
      `Cannot reach a server: commandTimeout must be above 0 milliseconds: ${commandTimeout}`,
    );
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
    if (has("sendCommand", "duplicate", "connect")) {
      return new NodeRedisDriver(source as NodeRedisClient);
    }
    if (has("send", "duplicate", "connect")) return new BunDriver(source as BunRedisClient);
    if (has("send", "subscribe", "close")) return driverOfAdapter(source as RedisAdapter);
  }
  throw new MisconfiguredError(
    "Cannot reach a Redis server by this: it must be a client of node-redis, ioredis or Bun, a " +
      "RedisAdapter, or an address such as redis://127.0.0.1:6379",
  );
}

/** An adapter that the user has written, or one of ours that is used once more. */
function driverOfAdapter(adapter: RedisAdapter): Driver {
  return {
    isReady: true,
    ready: () => Promise.resolve(),
    send: (command, args) => adapter.send(command, ...args),
    openSubscriber(receive) {
      const ends = new Map<string, () => Promise<void>>();
      return Promise.resolve({
        async subscribe(channel) {
          ends.set(
            channel,
            await adapter.subscribe(channel, (message) => receive(channel, message)),
          );
        },
        async unsubscribe(channel) {
          const end = ends.get(channel);
          ends.delete(channel);
          await end?.();
        },
        close: async () => void await Promise.allSettled([...ends.values()].map((end) => end())),
      });
    },
    close: () => Promise.resolve(), // It is the user's.
  };
}
