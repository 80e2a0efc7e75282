import type { PlatformAbortSignal, PlatformURL } from "../../contract/platform.ts";
import { missingPermission } from "../../runtime/adapters/missing_permission.ts";
import { type Address, addressIn } from "./address.ts";
import type { Driver, Subscriber } from "./driver.ts";
import { codeOf, MisconfiguredError, UnreachableError } from "./errors.ts";
import {
  isVersion4,
  type NodeRedisClient,
  NodeRedisDriver,
  openSubscriber,
  WHY_NOT_4,
} from "./node_redis.ts";

/** How old a connection is at least before it is given up for a new one, in milliseconds. */
const RENEW_MS = 1000;

/**
 * A client that the driver itself makes of an address by node-redis, when it is first needed. If
 * the server says that it is a replica now, the address is connected to again: behind its name, or
 * a proxy, there may be another master.
 */
export class OwnNodeRedisDriver implements Driver {
  lastError: unknown;
  readonly #address: Address;
  #client: Promise<NodeRedisClient> | undefined;
  #made: NodeRedisClient | undefined;
  #inner: NodeRedisDriver | undefined;
  #connecting: Promise<unknown> | undefined;
  #connectedAt = 0;
  /** Ends the connection before this one, which waits for its last answers. */
  #endLast: (() => void) | undefined;
  #closed = false;
  #onMoved: (() => void) | undefined;

  /**
   * The driver of a client at an address.
   *
   * @throws {MisconfiguredError} If it is no address of a Redis server.
   */
  constructor(url: string | PlatformURL) {
    this.#address = addressIn(url);
  }

  get isReady(): boolean {
    return this.#inner !== undefined && this.#inner.isReady;
  }

  async ready(): Promise<void> {
    const client = await (this.#client ??= this.#make());
    if (this.#closed) throw new UnreachableError("the connection was closed", false);
    if (client.isReady) return;
    // It tries again until it is refused or closed.
    if (!client.isOpen) {
      this.#connecting = client.connect();
      this.#connecting.catch(() => {}); // The waiters get the error.
    }
    try {
      await this.#connecting;
    } catch (error) {
      throw this.lastError ?? error;
    }
    if (!client.isReady) await this.#inner!.ready();
  }

  send(parts: string[]): Promise<unknown> {
    const inner = this.#inner!;
    return inner.send(parts).catch(async (error) => {
      // Nothing was done: a replica refuses before it writes.
      if (codeOf(error) !== "READONLY" || !this.#renew(inner)) throw error;
      await this.ready();
      return await this.#inner!.send(parts);
    });
  }

  onMoved(listener: () => void): void {
    this.#onMoved = listener;
  }

  async openSubscriber(
    receive: (channel: string, message: string) => void,
    signal: PlatformAbortSignal,
  ): Promise<Subscriber> {
    return await openSubscriber(await (this.#client ??= this.#make()), receive, signal);
  }

  close(): Promise<void> {
    this.#closed = true;
    this.#endLast?.();
    if (this.#made?.isOpen) this.#made.destroy();
    return Promise.resolve();
  }

  /** Begins a new connection, unless the last one is too new; others may have begun it already. */
  #renew(inner: NodeRedisDriver): boolean {
    if (this.#closed) return false;
    if (inner !== this.#inner) return true;
    if (performance.now() - this.#connectedAt < RENEW_MS) return false;
    const old = this.#made as NodeRedisClient & { close(): Promise<void> };
    this.#client = this.#made = this.#inner = undefined;
    this.#endLast?.();
    const end = this.#endLast = () => {
      try {
        old.destroy();
      } catch {
        // It was closed already.
      }
    };
    old.close().catch(() => {}).finally(() => this.#endLast === end && (this.#endLast = undefined));
    this.#onMoved?.();
    return true;
  }

  async #make(): Promise<NodeRedisClient> {
    const { createClient } = await loadNodeRedis();
    const client = createClient({
      ...this.#address,
      // Commands wait in the connection, not in a queue of the client that is written too late.
      disableOfflineQueue: true,
      // They read the environment, for which Deno needs a permission.
      maintNotifications: "disabled",
      socket: {
        ...this.#address.socket,
        reconnectStrategy: (retries: number, cause: Error) =>
          isFinal(cause) ? cause : Math.min(20 * 2 ** retries, 1000) + Math.random() * 20,
      },
    });
    if (isVersion4(client)) {
      const what = "the installed package redis (node-redis)";
      throw new MisconfiguredError(
        `Cannot connect to a Redis server by its address: ${what} ${WHY_NOT_4}`,
      );
    }
    client.on("error", (error: unknown) => this.lastError = error);
    client.on("ready", () => {
      this.lastError = undefined;
      this.#connectedAt = performance.now();
    });
    // A client that is closed while it connects goes on, and would keep the process alive.
    client.on("connect", () => this.#closed && client.destroy());
    this.#made = client;
    this.#inner = new NodeRedisDriver(client);
    return client;
  }
}

/**
 * Whether another try is useless: the password or the database is wrong, or a permission is
 * missing.
 */
function isFinal(error: Error): boolean {
  return /^(WRONGPASS|NOAUTH|NOPERM|DENIED|ERR)\b/.test(error.message) ||
    missingPermission(error) !== undefined;
}

/**
 * Loads node-redis.
 *
 * @throws {MisconfiguredError} If it is not installed.
 */
// deno-lint-ignore no-explicit-any -- The package need not be there, nor its types.
export async function loadNodeRedis(): Promise<{ createClient(options: object): any }> {
  try {
    return await import("redis");
  } catch (error) {
    throw new MisconfiguredError(
      "Cannot connect to a Redis server by its address: the package redis (node-redis) is not " +
        "installed. Install it (npm install redis, deno add npm:redis), or pass your own client",
      undefined,
      { cause: error },
    );
  }
}
