import type { PlatformAbortSignal } from "../../contract/platform.ts";
import { type Driver, keysIn, Listeners, type Subscriber } from "./driver.ts";
import { UnreachableError } from "./errors.ts";
import { slotOf } from "./slot.ts";

/** The part of a client of node-redis (npm's `redis`) that is used. */
export interface NodeRedisClient {
  /** Whether it was connected and not closed. */
  readonly isOpen: boolean;
  /** Whether a command would be written to the server now; clusters of version 5 do not say. */
  readonly isReady?: boolean;
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
  /** Returns another client with the same options, except those given; not used of Sentinel. */
  // deno-lint-ignore no-explicit-any
  duplicate?(overrides?: any): any;
  /** Adds a listener of an event. */
  // deno-lint-ignore no-explicit-any
  on(event: any, listener: (...args: any[]) => void): unknown;
  /** Removes a listener of an event. */
  // deno-lint-ignore no-explicit-any
  off(event: any, listener: (...args: any[]) => void): unknown;
  /** Closes the connection at once. */
  destroy(): unknown;
}

/** A node of a cluster, as node-redis knows it. */
interface ClusterNode {
  readonly address: string;
  readonly client?: NodeRedisClient;
  /** Settles when it has connected for the first time. */
  readonly connectPromise?: Promise<unknown>;
}

/** A client of `createCluster`. */
interface NodeRedisCluster extends NodeRedisClient {
  readonly masters: readonly ClusterNode[];
  readonly slots: readonly ({ readonly master: ClusterNode } | undefined)[];
}

/**
 * Replaces options of the client: the connection has one timer for all commands, where the client
 * would make a signal for each, which costs more; and replies have their usual types.
 */
export const COMMAND_OPTIONS = {
  timeout: 0,
  typeMapping: {},
  abortSignal: undefined,
  asap: false,
} as const;

/**
 * A client of node-redis. It rejects the commands that wait for a reply when its connection is
 * lost, and never sends them again.
 */
export class NodeRedisDriver implements Driver {
  readonly keyPrefix: string;
  readonly nodeOf?: NonNullable<Driver["nodeOf"]>;
  readonly #client: NodeRedisClient;
  readonly #cluster: NodeRedisCluster | undefined;
  readonly #listeners: Listeners;
  #readying: Promise<void> | undefined;
  #endReadying: (() => void) | undefined;

  /** The driver of the user's client, which may be one of a cluster. */
  constructor(client: NodeRedisClient) {
    this.#client = client;
    this.#listeners = new Listeners(client);
    if ("masters" in client) {
      const cluster = this.#cluster = client as NodeRedisCluster;
      this.nodeOf = (channel) =>
        Promise.resolve(cluster.slots[slotOf(channel)]?.master.address ?? "");
    }
    this.keyPrefix = keyPrefixOf(client);
  }

  get isReady(): boolean {
    return this.#client.isReady ?? this.#client.isOpen;
  }

  ready(): Promise<void> {
    const client = this.#client;
    if (this.isReady) return Promise.resolve();
    if (!client.isOpen) return Promise.reject(notConnected());
    return this.#readying ??= new Promise<void>((resolve, reject) => {
      const listeners = new Listeners(client);
      const settle = (error?: unknown) => {
        this.#readying = this.#endReadying = undefined;
        listeners.clear();
        if (error === undefined) resolve();
        else reject(error);
      };
      const onEnd = (error?: unknown) => settle(error ?? new UnreachableError("it closed", false));
      this.#endReadying = onEnd;
      listeners.add("ready", () => settle());
      listeners.add("terminated", onEnd);
      listeners.add("end", onEnd);
    });
  }

  send(parts: string[]): Promise<unknown> {
    if (this.keyPrefix !== "") parts = withPrefix(parts, this.keyPrefix);
    if (this.#cluster === undefined) return this.#client.sendCommand(parts, COMMAND_OPTIONS);
    const [first, end] = keysIn(parts);
    const key = end > first ? parts[first] : undefined; // Without one, any node will do.
    return this.#client.sendCommand(key, false, parts, COMMAND_OPTIONS);
  }

  onMoved(listener: () => void): void {
    if (this.#cluster === undefined) return;
    // After a failover, it connects to the new master, and ends the connection to a node that left.
    this.#listeners.add("node-ready", listener);
    this.#listeners.add("node-disconnect", listener);
  }

  openSubscriber(
    receive: (channel: string, message: string) => void,
    signal: PlatformAbortSignal,
    address = "",
  ): Promise<Subscriber> {
    const node = this.#cluster?.masters.find((master) => master.address === address);
    // If it is away, any other node delivers the messages.
    const isUp = node?.client?.isReady || node?.connectPromise !== undefined;
    return openSubscriber(isUp && node?.client || this.#client, receive, signal);
  }

  close(): Promise<void> {
    this.#listeners.clear();
    this.#endReadying?.();
    return Promise.resolve(); // It belongs to the user.
  }
}

/** Whether a client is one of node-redis 4: later ones have `destroy`. */
export function isVersion4(client: object): boolean {
  return typeof (client as Partial<NodeRedisClient>).destroy !== "function";
}

/** Why such a client is refused, after its name. */
export const WHY_NOT_4 = "is version 4, which has no destroy() to end a connection at once. Use " +
  "version 5 or 6 (npm install redis@6)";

/** The error of a client that must be connected by the user. */
export function notConnected(): UnreachableError {
  const why = "the client is closed, or was never connected (await its connect() first)";
  return new UnreachableError(why, false);
}

/** The prefix of a client, which it does not put before the keys of commands that it is given. */
export function keyPrefixOf(client: object): string {
  const { options, _keyPrefix } = client as {
    options?: { keyPrefix?: unknown };
    _keyPrefix?: unknown;
  };
  return String(_keyPrefix ?? options?.keyPrefix ?? "");
}

/** The command with the prefix before its keys. */
export function withPrefix(parts: readonly string[], prefix: string): string[] {
  const [first, end] = keysIn(parts);
  return parts.map((part, i) => i >= first && i < end ? prefix + part : part);
}

/** Opens another connection with the options of a client. */
export async function openSubscriber(
  client: NodeRedisClient,
  receive: (channel: string, message: string) => void,
  signal: PlatformAbortSignal,
): Promise<Subscriber> {
  const subscriber: NodeRedisClient = client.duplicate!();
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
