import type { PlatformAbortSignal } from "../../contract/platform.ts";
import type { Driver, Subscriber } from "./driver.ts";

/** The part of a `Bun.RedisClient` that is used. */
export interface BunRedisClient {
  /** Whether it is connected. */
  readonly connected: boolean;
  /** Connects, or resolves if it is connected. */
  connect(): Promise<unknown>;
  /** Sends a command. */
  send(command: string, args: string[]): Promise<unknown>;
  /** Listens to a channel. */
  // deno-lint-ignore no-explicit-any -- The client's own types have overloads.
  subscribe(channel: any, listener: any): Promise<unknown>;
  /** Ends the subscription of channels. */
  // deno-lint-ignore no-explicit-any
  unsubscribe(...args: any[]): Promise<unknown>;
  /** Returns another client with the same options. */
  // deno-lint-ignore no-explicit-any
  duplicate(): Promise<any>;
  /** Closes the connection. */
  close(): void;
  /** Called when it has connected. */
  // deno-lint-ignore no-explicit-any
  onconnect: any;
}

/**
 * A client of Bun. It rejects the commands that wait for a reply when its connection is lost, and
 * never sends them again.
 */
export class BunDriver implements Driver {
  readonly #client: BunRedisClient;

  /** The driver of the user's client. */
  constructor(client: BunRedisClient) {
    this.#client = client;
  }

  get isReady(): boolean {
    return this.#client.connected;
  }

  async ready(): Promise<void> {
    await this.#client.connect();
  }

  send(parts: string[]): Promise<unknown> {
    return this.#client.send(parts[0], parts.slice(1));
  }

  async openSubscriber(
    receive: (channel: string, message: string) => void,
    signal: PlatformAbortSignal,
  ): Promise<Subscriber> {
    const subscriber: BunRedisClient = await this.#client.duplicate();
    const channels = new Set<string>();
    const listener = (message: string, channel: string) => receive(channel, message);
    const giveUp = () => subscriber.close();
    signal.addEventListener("abort", giveUp);
    try {
      signal.throwIfAborted();
      await subscriber.connect();
    } catch (error) {
      giveUp();
      throw error;
    } finally {
      signal.removeEventListener("abort", giveUp);
    }
    // It reconnects by itself, but does not subscribe again.
    subscriber.onconnect = () => {
      for (const channel of channels) subscriber.subscribe(channel, listener).catch(() => {});
    };
    return {
      async subscribe(channel) {
        await subscriber.subscribe(channel, listener);
        channels.add(channel);
      },
      async unsubscribe(channel) {
        channels.delete(channel);
        await subscriber.unsubscribe(channel);
      },
      close() {
        subscriber.close();
        return Promise.resolve();
      },
    };
  }

  close(): Promise<void> {
    return Promise.resolve(); // It belongs to the user.
  }
}
