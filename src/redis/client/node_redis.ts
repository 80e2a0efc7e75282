import type { PlatformAbortSignal, PlatformURL } from "../../contract/platform.ts";
import { missingPermission } from "../../runtime/adapters/missing_permission.ts";
import { addressIn } from "./address.ts";
import type { Driver, Subscriber } from "./driver.ts";
import { MisconfiguredError, UnreachableError } from "./errors.ts";

/** The part of a client of node-redis (npm's `redis`) that is used. */
export interface NodeRedisClient {
  /** Whether it was connected and not closed. */
  readonly isOpen: boolean;
  /** Whether a command would be written to the server now. */
  readonly isReady: boolean;
  /** Connects. */
  connect(): Promise<unknown>;
  /** Sends a command. */
  // deno-lint-ignore no-explicit-any -- The client's own types differ by its options.
  sendCommand(...args: any[]): Promise<unknown>;
  /** Listens to channels. */
  // deno-lint-ignore no-explicit-any
  subscribe(channels: any, listener: any, bufferMode?: any): Promise<unknown>;
  /** Ends the subscription of channels. */
  // deno-lint-ignore no-explicit-any
  unsubscribe(channels?: any, listener?: any, bufferMode?: any): Promise<unknown>;
  /** Returns another client with the same options, except those given. */
  // deno-lint-ignore no-explicit-any
  duplicate(overrides?: any): any;
  /** Adds a listener of an event. */
  // deno-lint-ignore no-explicit-any
  on(event: any, listener: (...args: any[]) => void): unknown;
  /** Removes a listener of an event. */
  // deno-lint-ignore no-explicit-any
  off(event: any, listener: (...args: any[]) => void): unknown;
  /** Closes the connection at once. */
  destroy(): void;
}

/**
 * A client of node-redis. It rejects the commands that wait for a reply when its connection is
 * lost, and never sends them again.
 */
export class NodeRedisDriver implements Driver {
  readonly #client: NodeRedisClient;
  readonly #isCluster: boolean;
  #readying: Promise<void> | undefined;

  /** The driver of the user's client, which may be one of a cluster. */
  constructor(client: NodeRedisClient) {
    this.#client = client;
    this.#isCluster = "masters" in client;
  }

  get isReady(): boolean {
    return this.#client.isReady;
  }

  ready(): Promise<void> {
    const client = this.#client;
    if (client.isReady) return Promise.resolve();
    if (!client.isOpen) {
      const why = "the client is closed, or was never connected (await its connect() first)";
      return Promise.reject(new UnreachableError(why, false));
    }
    return this.#readying ??= new Promise<void>((resolve, reject) => {
      const settle = (error?: unknown) => {
        this.#readying = undefined;
        client.off("ready", onReady);
        client.off("terminated", onEnd);
        client.off("end", onEnd);
        if (error === undefined) resolve();
        else reject(error);
      };
      const onReady = () => settle();
      const onEnd = (error?: unknown) => settle(error ?? new UnreachableError("it closed", false));
      client.on("ready", onReady);
      client.on("terminated", onEnd);
      client.on("end", onEnd);
    });
  }

  send(command: string, args: string[]): Promise<unknown> {
    const key = this.#isCluster ? keyOf(command, args) : undefined;
    args.unshift(command);
    if (this.#isCluster) return this.#client.sendCommand(key, false, args, UNTIMED);
    return this.#client.sendCommand(args, UNTIMED);
  }

  openSubscriber(
    receive: (channel: string, message: string) => void,
    signal: PlatformAbortSignal,
  ): Promise<Subscriber> {
    return openSubscriber(this.#client, receive, signal);
  }

  close(): Promise<void> {
    return Promise.resolve(); // It belongs to the user.
  }
}

/**
 * The connection has one timer for all; the client would make a signal for each, which costs more.
 */
const UNTIMED = { timeout: 0 };

const KEYLESS: ReadonlySet<string> = new Set(
  ["CLUSTER", "CONFIG", "INFO", "PING", "PUBLISH", "SCRIPT", "TIME", "WAIT"],
);

/** The key by which the client of a cluster finds the node; `undefined` for any node. */
function keyOf(command: string, args: readonly string[]): string | undefined {
  if (KEYLESS.has(command)) return undefined;
  if (!command.startsWith("EVAL")) return args[0];
  return Number(args[1]) > 0 ? args[2] : undefined;
}

/** A client that the driver itself makes of an address by node-redis, when it is first needed. */
export class OwnNodeRedisDriver implements Driver {
  lastError: unknown;
  readonly #url: string;
  #client: Promise<NodeRedisClient> | undefined;
  #made: NodeRedisClient | undefined;
  #inner: NodeRedisDriver | undefined;
  #connecting: Promise<unknown> | undefined;
  #closed = false;

  /**
   * The driver of a client at an address.
   *
   * @throws {MisconfiguredError} If it is no address of a Redis server.
   */
  constructor(url: string | PlatformURL) {
    this.#url = addressIn(url);
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

  send(command: string, args: string[]): Promise<unknown> {
    return this.#inner!.send(command, args);
  }

  async openSubscriber(
    receive: (channel: string, message: string) => void,
    signal: PlatformAbortSignal,
  ): Promise<Subscriber> {
    return await openSubscriber(await (this.#client ??= this.#make()), receive, signal);
  }

  close(): Promise<void> {
    this.#closed = true;
    if (this.#made?.isOpen) this.#made.destroy();
    return Promise.resolve();
  }

  async #make(): Promise<NodeRedisClient> {
    const { createClient } = await loadNodeRedis();
    const client = createClient({
      url: this.#url,
      // Commands wait in the connection, not in a queue of the client that is written too late.
      disableOfflineQueue: true,
      // They read the environment, for which Deno needs a permission.
      maintNotifications: "disabled",
      socket: {
        reconnectStrategy: (retries: number, cause: Error) =>
          isFinal(cause) ? cause : Math.min(20 * 2 ** retries, 1000) + Math.random() * 20,
      },
    });
    client.on("error", (error: unknown) => this.lastError = error);
    client.on("ready", () => this.lastError = undefined);
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

async function openSubscriber(
  client: NodeRedisClient,
  receive: (channel: string, message: string) => void,
  signal: PlatformAbortSignal,
): Promise<Subscriber> {
  const subscriber: NodeRedisClient = client.duplicate();
  subscriber.on("connect", () => signal.aborted && subscriber.destroy()); // Otherwise it goes on.
  subscriber.on("error", () => {}); // It reconnects and subscribes again by itself.
  const close = () => {
    if (subscriber.isOpen) subscriber.destroy();
    return Promise.resolve();
  };
  // Nothing else ends its tries to reach a server that is down.
  const giveUp = () => void close();
  signal.addEventListener("abort", giveUp);
  try {
    signal.throwIfAborted();
    await subscriber.connect();
  } catch (error) {
    await close();
    throw error;
  } finally {
    signal.removeEventListener("abort", giveUp);
  }
  const listener = (message: string, channel: string) => receive(channel, message);
  return {
    subscribe: async (channel) => void await subscriber.subscribe(channel, listener),
    unsubscribe: async (channel) => void await subscriber.unsubscribe(channel, listener),
    close,
  };
}
