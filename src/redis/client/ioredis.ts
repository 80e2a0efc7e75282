import type { PlatformAbortSignal } from "../../contract/platform.ts";
import { missingPermission } from "../../runtime/adapters/missing_permission.ts";
import { type Driver, Listeners, type Subscriber } from "./driver.ts";
import { UnreachableError } from "./errors.ts";
import { slotOf } from "./slot.ts";

/** The part of a client of ioredis that is used. */
export interface IoredisClient {
  /** The state of the connection, such as `ready`. */
  readonly status: string;
  /** The options of the client. */
  // deno-lint-ignore no-explicit-any -- The client's own types have many overloads.
  readonly options: any;
  /** Connects. */
  // deno-lint-ignore no-explicit-any
  connect(...args: any[]): Promise<unknown>;
  /** Sends a command. */
  // deno-lint-ignore no-explicit-any
  call(command: string, ...args: any[]): Promise<unknown>;
  /** Listens to channels. */
  // deno-lint-ignore no-explicit-any
  subscribe(...args: any[]): Promise<unknown>;
  /** Ends the subscription of channels. */
  // deno-lint-ignore no-explicit-any
  unsubscribe(...args: any[]): Promise<unknown>;
  /** Returns another client with the same options, except those given. */
  // deno-lint-ignore no-explicit-any
  duplicate(...args: any[]): any;
  /** Adds a listener of an event. */
  // deno-lint-ignore no-explicit-any
  on(event: any, listener: (...args: any[]) => void): unknown;
  /** Removes a listener of an event. */
  // deno-lint-ignore no-explicit-any
  off(event: any, listener: (...args: any[]) => void): unknown;
  /** Closes the connection. */
  // deno-lint-ignore no-explicit-any
  disconnect(...args: any[]): void;
}

/** A client of a cluster. */
interface IoredisCluster extends IoredisClient {
  /** The addresses of the nodes that have a slot, the master first. */
  readonly slots: readonly (readonly string[] | undefined)[];
  nodes(role: "all"): readonly IoredisClient[];
}

/**
 * What the commands of a driver need: each is sent at most once and at once, reads ask the master,
 * and numbers are numbers.
 */
const NEEDED: Readonly<Record<string, unknown>> = {
  autoResendUnfulfilledCommands: false,
  enableAutoPipelining: false,
  stringNumbers: false,
};

/**
 * A client of ioredis, also one of Sentinel or a cluster. By default
 * (`autoResendUnfulfilledCommands: true`), it sends commands again if it does not know whether the
 * server has run them; an add would count twice. So commands go over a duplicate of such a client,
 * which follows the database that is selected on the client.
 */
export class IoredisDriver implements Driver {
  lastError: unknown;
  readonly keyPrefix: string;
  readonly nodeOf?: NonNullable<Driver["nodeOf"]>;
  readonly #client: IoredisClient;
  readonly #isOwn: boolean;
  readonly #listeners: Listeners;
  #readying: Promise<void> | undefined;
  #endReadying: (() => void) | undefined;
  /** The database that was selected on the user's client, if commands go over a duplicate. */
  #database: number | undefined;

  /** The driver of the user's client. */
  constructor(client: IoredisClient) {
    const { options } = client;
    this.keyPrefix = String(options.keyPrefix ?? "");
    this.#listeners = new Listeners(client);
    this.#isOwn = isCluster(client) || options.autoResendUnfulfilledCommands !== false ||
      options.enableAutoPipelining === true || options.stringNumbers === true;
    if (!this.#isOwn) {
      this.#client = client;
      return;
    }
    const db = selectedBy(client) ?? options.db ?? 0;
    this.#client = duplicateOf(client, { ...NEEDED, enableOfflineQueue: false, db });
    this.#client.on("error", (error: unknown) => this.lastError = error);
    this.#client.on("ready", () => this.lastError = undefined);
    const cluster = this.#client;
    if (isCluster(cluster)) {
      this.nodeOf = async (channel) => {
        await this.ready();
        return cluster.slots[slotOf(channel)]?.[0] ?? "";
      };
      return;
    }
    this.#database = db;
    this.#client.on("ready", () => this.#select());
    this.#client.on("select", (database: number) => this.#keep(database)); // By a command.
    this.#listeners.add("select", (database: number) => {
      this.#keep(database);
      if (this.#client.status === "ready") this.#select();
      else if (this.#client.status !== "wait") this.#client.disconnect(true); // It is selecting.
    });
  }

  get isReady(): boolean {
    return this.#client.status === "ready" &&
      (this.#database === undefined || selectedBy(this.#client) === this.#database);
  }

  ready(): Promise<void> {
    const client = this.#client;
    if (this.isReady) return Promise.resolve();
    if (client.status === "end") {
      const why = this.lastError ?? new UnreachableError("the client is closed", false);
      return Promise.reject(why);
    }
    return this.#readying ??= new Promise<void>((resolve, reject) => {
      const listeners = new Listeners(client);
      const settle = (error?: unknown) => {
        this.#readying = this.#endReadying = undefined;
        listeners.clear();
        if (error === undefined) resolve();
        else reject(error);
      };
      const onEnd = () => settle(this.lastError ?? new UnreachableError("it closed", false));
      this.#endReadying = onEnd;
      listeners.add("ready", () => settle());
      listeners.add("end", onEnd);
      if (this.#isOwn) listeners.add("error", (error: Error) => isFinal(error) && settle(error));
      if (client.status === "wait") client.connect().catch(() => {}); // The events report it.
    });
  }

  send(parts: string[]): Promise<unknown> {
    // Version 4 puts its prefix before the keys of commands in small letters only.
    const command = this.keyPrefix === "" ? parts[0] : parts[0].toLowerCase();
    return this.#client.call(command, parts.slice(1));
  }

  onLost(listener: () => void): void {
    if (this.#isOwn) this.#client.on("close", listener);
    else this.#listeners.add("close", listener);
  }

  onMoved(listener: () => void): void {
    if (isCluster(this.#client)) this.#client.on("refresh", listener);
  }

  async openSubscriber(
    receive: (channel: string, message: string) => void,
    signal: PlatformAbortSignal,
    node = "",
  ): Promise<Subscriber> {
    signal.throwIfAborted();
    const options = {
      enableOfflineQueue: true,
      keyPrefix: "", // It would be added to the names of channels, too.
    };
    // If the node is away, any other delivers the messages.
    const at = isCluster(this.#client)
      ? nodeOf(this.#client, node)?.duplicate({ ...options, retryStrategy })
      : undefined;
    const subscriber = at ?? duplicateOf(this.#client, options);
    subscriber.on("error", () => {}); // It reconnects and subscribes again by itself.
    subscriber.on("message", receive);
    if (subscriber.status === "wait") {
      // Nothing else ends its tries to reach a server that is down.
      const giveUp = () => subscriber.disconnect();
      signal.addEventListener("abort", giveUp);
      try {
        await subscriber.connect();
      } catch (error) {
        subscriber.disconnect(); // It would try again, and nothing would end that.
        throw error;
      } finally {
        signal.removeEventListener("abort", giveUp);
      }
    }
    return {
      subscribe: async (channel) => void await subscriber.subscribe(channel),
      unsubscribe: async (channel) => void await subscriber.unsubscribe(channel),
      close() {
        subscriber.disconnect();
        return Promise.resolve();
      },
    };
  }

  close(): Promise<void> {
    this.#listeners.clear();
    this.#endReadying?.();
    if (this.#isOwn) this.#client.disconnect();
    return Promise.resolve();
  }

  /** Remembers the database, also for the next connection. */
  #keep(database: number): void {
    this.#database = this.#client.options.db = database;
    const { prevCondition } = this.#client as { prevCondition?: { select: number } | null };
    if (prevCondition) prevCondition.select = database; // Else it selects the one before.
  }

  /** Selects the database of the user's client; commands that are sent later come after it. */
  #select(): void {
    if (this.isReady) return;
    this.#client.call("select", `${this.#database}`).catch((error) => this.lastError = error);
  }
}

/** The database that a client has selected, once it has connected. */
function selectedBy(client: IoredisClient): number | undefined {
  return (client as { condition?: { select?: number } }).condition?.select;
}

function isCluster(client: IoredisClient): client is IoredisCluster {
  return "nodes" in client;
}

/** The client of a node; there is none while the cluster has no connection to it. */
function nodeOf(cluster: IoredisCluster, address: string): IoredisClient | undefined {
  return cluster.nodes("all").find(({ options: { host, port } }) => `${host}:${port}` === address);
}

/** After which time it connects again; the client of a node does not, since its cluster does. */
function retryStrategy(times: number): number {
  return Math.min(times * 50, 2000);
}

/** Another client with these options changed. One of a cluster would also retry by itself. */
function duplicateOf(client: IoredisClient, options: Record<string, unknown>): IoredisClient {
  if (!isCluster(client)) return client.duplicate(options);
  const { db: _, keyPrefix = client.options.keyPrefix, ...others } = options;
  return client.duplicate([], {
    // A cluster needs the queues of its nodes.
    redisOptions: {
      ...client.options.redisOptions,
      ...others,
      keyPrefix,
      enableOfflineQueue: true,
    },
    retryDelayOnFailover: 0,
    scaleReads: "master",
    enableAutoPipelining: false,
    keyPrefix,
  });
}

function isFinal(error: Error): boolean {
  return /^(WRONGPASS|NOAUTH|NOPERM|DENIED)\b/.test(error.message) ||
    missingPermission(error) !== undefined;
}
