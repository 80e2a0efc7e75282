import type { Driver, Subscriber } from "./driver.ts";

type Listener = (message: string) => void;

/** How long the connection is kept after the last subscription, in milliseconds. */
const IDLE_MS = 1000;

/** A client and all that its users share: its driver, and one connection for subscriptions. */
export class SharedClient {
  readonly driver: Driver;
  /** How many `Connection`s use it. */
  users = 0;

  readonly #lost = new Set<() => void>();
  readonly #channels = new Map<string, Set<Listener>>();
  #subscriber: Promise<Subscriber> | undefined;
  readonly #closing = new AbortController();
  #idle: ReturnType<typeof setTimeout> | undefined;
  /** Subscribes and unsubscribes run one by one, so that they cannot overtake one another. */
  #queue: Promise<unknown> = Promise.resolve();

  /** The client behind `driver`. */
  constructor(driver: Driver) {
    this.driver = driver;
    driver.onLost?.(() => {
      for (const listener of this.#lost) listener();
    });
    driver.onMoved?.(() => void this.#subscribeAgain());
  }

  /** Calls `listener` when the connection is lost; returns a function that ends that. */
  onLost(listener: () => void): () => void {
    this.#lost.add(listener);
    return () => this.#lost.delete(listener);
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

  /** Closes what was opened. */
  async close(): Promise<void> {
    this.#channels.clear();
    this.#closing.abort();
    try {
      // Not in the queue: an earlier operation may wait for a server that does not answer.
      await this.#closeSubscriber();
    } finally {
      await this.driver.close();
    }
  }

  #inOrder<T>(action: () => Promise<T>): Promise<T> {
    const done = this.#queue.then(action);
    this.#queue = done.catch(() => {}); // The caller gets the error.
    return done;
  }

  async #open(): Promise<Subscriber> {
    this.#closing.signal.throwIfAborted();
    clearTimeout(this.#idle);
    const opening = this.#subscriber ??= this.driver.openSubscriber((channel, message) => {
      for (const listener of this.#channels.get(channel) ?? []) listener(message);
    }, this.#closing.signal);
    try {
      return await opening;
    } catch (error) {
      this.#subscriber = undefined;
      throw error;
    }
  }

  /** Follows the commands to another server. */
  async #subscribeAgain(): Promise<void> {
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
