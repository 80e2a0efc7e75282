import type { PlatformAbortSignal } from "../../contract/platform.ts";
import type { Driver, Subscriber } from "./driver.ts";

/** What is called with each message of a channel. */
export type Listener = (message: string) => void;

type Receive = Parameters<Driver["openSubscriber"]>[0];

/** How long the connection is kept after the last subscription, in milliseconds. */
export const IDLE_MS = 1000;

/** The subscriptions over one connection, which is opened for the first of them. */
export class Subscriptions {
  readonly #openSubscriber: (receive: Receive, signal: PlatformAbortSignal) => Promise<Subscriber>;
  readonly #channels = new Map<string, Set<Listener>>();
  #subscriber: Promise<Subscriber> | undefined;
  readonly #closing = new AbortController();
  #idle: ReturnType<typeof setTimeout> | undefined;
  /** Subscribes and unsubscribes run one by one, so that they cannot overtake one another. */
  #queue: Promise<unknown> = Promise.resolve();

  /** None yet. `open` opens the connection. */
  constructor(open: (receive: Receive, signal: PlatformAbortSignal) => Promise<Subscriber>) {
    this.#openSubscriber = open;
  }

  /** Listens to a channel; returns a function that ends that, when the server has confirmed it. */
  async subscribe(channel: string, listener: Listener): Promise<() => Promise<void>> {
    await this.#inOrder(async () => {
      const listeners = this.#channels.get(channel);
      if (listeners !== undefined) return void listeners.add(listener);
      const subscriber = await this.#open();
      await subscriber.subscribe(channel);
      this.#channels.set(channel, new Set([listener]));
    });
    let ended: Promise<void> | undefined;
    return () => ended ??= this.#inOrder(() => this.#unsubscribe(channel, listener));
  }

  /** Subscribes all over a new connection, until that succeeds. */
  async subscribeAgain(): Promise<void> {
    while (!this.#closing.signal.aborted) {
      try {
        return await this.#inOrder(async () => {
          await this.#closeSubscriber();
          if (this.#channels.size === 0) return;
          const subscriber = await this.#open();
          await Promise.all([...this.#channels.keys()].map((name) => subscriber.subscribe(name)));
        });
      } catch {
        await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
      }
    }
  }

  /** Ends all of them, and closes the connection. */
  async close(): Promise<void> {
    this.#channels.clear();
    this.#closing.abort();
    // Not in the queue: an earlier operation may wait for a server that does not answer.
    await this.#closeSubscriber();
  }

  #inOrder<T>(action: () => Promise<T>): Promise<T> {
    const done = this.#queue.then(action);
    this.#queue = done.catch(() => {}); // The caller gets the error.
    return done;
  }

  async #open(): Promise<Subscriber> {
    this.#closing.signal.throwIfAborted();
    clearTimeout(this.#idle);
    const opening = this.#subscriber ??= this.#openSubscriber((channel, message) => {
      for (const listener of this.#channels.get(channel) ?? []) listener(message);
    }, this.#closing.signal);
    try {
      return await opening;
    } catch (error) {
      this.#subscriber = undefined;
      throw error;
    }
  }

  async #unsubscribe(channel: string, listener: Listener): Promise<void> {
    const listeners = this.#channels.get(channel);
    if (listeners === undefined || !listeners.delete(listener) || listeners.size > 0) return;
    this.#channels.delete(channel);
    if (this.#channels.size === 0) {
      this.#idle = setTimeout(() => {
        this.#inOrder(async () => {
          if (this.#channels.size === 0) await this.#closeSubscriber();
        }).catch(() => {});
      }, IDLE_MS);
    }
    await (await this.#subscriber)?.unsubscribe(channel);
  }

  async #closeSubscriber(): Promise<void> {
    clearTimeout(this.#idle);
    const subscriber = this.#subscriber;
    this.#subscriber = undefined;
    await (await subscriber?.catch(() => undefined))?.close();
  }
}
