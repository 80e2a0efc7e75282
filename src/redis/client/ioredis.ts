import type { PlatformAbortSignal } from "../../contract/platform.ts";
import { missingPermission } from "../../runtime/adapters/missing_permission.ts";
import type { Driver, Subscriber } from "./driver.ts";
import { UnreachableError } from "./errors.ts";

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

/**
 * A client of ioredis. By default (`autoResendUnfulfilledCommands: true`), it sends commands again
 * if it does not know whether the server has run them; an add would count twice. So commands go
 * over a duplicate of such a client that does not do so.
 */
export class IoredisDriver implements Driver {
  lastError: unknown;
  readonly #client: IoredisClient;
  readonly #isOwn: boolean;
  #readying: Promise<void> | undefined;

  /** The driver of the user's client. */
  constructor(client: IoredisClient) {
    const { options } = client;
    this.#isOwn = isCluster(client) || options.autoResendUnfulfilledCommands !== false;
    this.#client = this.#isOwn
      ? duplicateOf(client, { autoResendUnfulfilledCommands: false, enableOfflineQueue: false })
      : client;
    if (!this.#isOwn) return;
    this.#client.on("error", (error: unknown) => this.lastError = error);
    this.#client.on("ready", () => this.lastError = undefined);
  }

  get isReady(): boolean {
    return this.#client.status === "ready";
  }

  ready(): Promise<void> {
    const client = this.#client;
    if (client.status === "ready") return Promise.resolve();
    if (client.status === "end") {
      const why = this.lastError ?? new UnreachableError("the client is closed", false);
      return Promise.reject(why);
    }
    return this.#readying ??= new Promise<void>((resolve, reject) => {
      const settle = (error?: unknown) => {
        this.#readying = undefined;
        client.off("ready", onReady);
        client.off("end", onEnd);
        client.off("error", onError);
        if (error === undefined) resolve();
        else reject(error);
      };
      const onReady = () => settle();
      const onEnd = () => settle(this.lastError ?? new UnreachableError("it closed", false));
      const onError = (error: Error) => isFinal(error) && settle(error);
      client.on("ready", onReady);
      client.on("end", onEnd);
      if (this.#isOwn) client.on("error", onError);
      if (client.status === "wait") client.connect().catch(() => {}); // The events report it.
    });
  }

  send(command: string, args: string[]): Promise<unknown> {
    return this.#client.call(command, ...args);
  }

  onLost(listener: () => void): void {
    this.#client.on("close", listener);
  }

  async openSubscriber(
    receive: (channel: string, message: string) => void,
    signal: PlatformAbortSignal,
  ): Promise<Subscriber> {
    signal.throwIfAborted();
    const subscriber = duplicateOf(this.#client, {
      enableOfflineQueue: true,
      keyPrefix: "", // It would be added to the names of channels, too.
    });
    subscriber.on("error", () => {}); // It reconnects and subscribes again by itself.
    subscriber.on("message", receive);
    if (subscriber.status === "wait") {
      // Nothing else ends its tries to reach a server that is down.
      const giveUp = () => subscriber.disconnect();
      signal.addEventListener("abort", giveUp);
      try {
        await subscriber.connect();
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
    if (this.#isOwn) this.#client.disconnect();
    return Promise.resolve();
  }
}

function isCluster(client: IoredisClient): boolean {
  return "nodes" in client;
}

/** Another client with these options changed. One of a cluster would also retry by itself. */
function duplicateOf(client: IoredisClient, options: object): IoredisClient {
  if (!isCluster(client)) return client.duplicate(options);
  // A cluster needs the queues of its nodes.
  const redisOptions = { ...client.options.redisOptions, ...options, enableOfflineQueue: true };
  return client.duplicate([], { redisOptions, retryDelayOnFailover: 0 });
}

function isFinal(error: Error): boolean {
  return /^(WRONGPASS|NOAUTH|NOPERM|DENIED)\b/.test(error.message) ||
    missingPermission(error) !== undefined;
}
