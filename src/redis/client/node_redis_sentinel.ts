import type { PlatformAbortSignal } from "../../contract/platform.ts";
import type { Driver, Subscriber } from "./driver.ts";
import { codeOf } from "./errors.ts";
import {
  COMMAND_OPTIONS,
  keyPrefixOf,
  type NodeRedisClient,
  notConnected,
  withPrefix,
} from "./node_redis.ts";

/** How long after the sentinels were asked they are not asked again, in milliseconds. */
const ASK_MS = 1000;

/** A client of `createSentinel`: it calls a function with its client of the master. */
interface SentinelClient extends NodeRedisClient {
  _execute<T>(isReadonly: boolean, use: (master: NodeRedisClient) => T): Promise<T>;
}

/** Whether a client of node-redis is one of `createSentinel`. */
export function isSentinel(client: object): client is SentinelClient {
  const { _execute, getSentinelNode } = client as Record<string, unknown>;
  return typeof getSentinelNode === "function" && typeof _execute === "function";
}

/**
 * A Sentinel client of node-redis. Its own `sendCommand` sends a command again if the master is
 * lost meanwhile, so an add could count twice. Commands go to the master's client instead, which
 * the Sentinel client replaces at a failover.
 */
export class SentinelDriver implements Driver {
  readonly keyPrefix: string;
  readonly #sentinel: SentinelClient;
  #master: NodeRedisClient | undefined;
  #finding: Promise<void> | undefined;
  #askedAt = -Infinity;

  /** The driver of the user's client. */
  constructor(sentinel: SentinelClient) {
    this.#sentinel = sentinel;
    this.keyPrefix = keyPrefixOf(sentinel);
  }

  get isReady(): boolean {
    return this.#master?.isReady === true;
  }

  ready(): Promise<void> {
    if (this.isReady) return Promise.resolve();
    if (!this.#sentinel.isOpen) return Promise.reject(notConnected());
    return this.#find(false);
  }

  send(parts: string[]): Promise<unknown> {
    const master = this.#master!;
    if (this.keyPrefix !== "") parts = withPrefix(parts, this.keyPrefix);
    return master.sendCommand(parts, COMMAND_OPTIONS).catch(async (error) => {
      if (codeOf(error) !== "READONLY") throw error;
      // Nothing was done: it is the old master, and the sentinels have a new one.
      if (master === this.#master) {
        if (performance.now() - this.#askedAt < ASK_MS) throw error;
        await this.#find(true);
      }
      return await this.#master!.sendCommand(parts, COMMAND_OPTIONS);
    });
  }

  openSubscriber(
    receive: (channel: string, message: string) => void,
    signal: PlatformAbortSignal,
  ): Promise<Subscriber> {
    signal.throwIfAborted();
    const sentinel = this.#sentinel;
    const listener = (message: string, channel: string) => receive(channel, message);
    const channels = new Set<string>();
    const unsubscribe = async (channel: string) => {
      if (channels.delete(channel)) await sentinel.unsubscribe(channel, listener);
    };
    // It has a connection for them, which follows the master.
    return Promise.resolve({
      async subscribe(channel) {
        channels.add(channel);
        await sentinel.subscribe(channel, listener);
      },
      unsubscribe,
      close: async () => void await Promise.allSettled([...channels].map(unsubscribe)),
    });
  }

  close(): Promise<void> {
    return Promise.resolve(); // It belongs to the user.
  }

  /** Waits for the client of the master, if it must be after the sentinels were asked again. */
  #find(again: boolean): Promise<void> {
    if (again) this.#askedAt = performance.now();
    return this.#finding ??= (async () => {
      try {
        [this.#master] = await this.#sentinel._execute(false, (master) => {
          if (!again) return [master];
          again = false;
          throw new Error("READONLY The sentinels must be asked again");
        });
      } finally {
        this.#finding = undefined;
      }
    })();
  }
}
