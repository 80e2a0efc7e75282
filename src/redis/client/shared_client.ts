import type { Driver } from "./driver.ts";
import { UnreachableError } from "./errors.ts";
import { IDLE_MS, type Listener, Subscriptions } from "./subscriptions.ts";

/** A subscription of a user, which follows the slot of its channel in a cluster. */
interface Subscription {
  readonly channel: string;
  readonly listener: Listener;
  /** The node whose messages count. */
  node: string;
  /** The node to which it moves; else the same. */
  target: string;
  end(): Promise<void>;
}

/** A client and all that its users share: its driver, and the connections for subscriptions. */
export class SharedClient {
  readonly driver: Driver;
  /** How many `Connection`s use it. */
  users = 0;

  readonly #lost = new Set<() => void>();
  readonly #all = new Set<Subscription>();
  /** The subscriptions at each node of a cluster; of one server, all of them. */
  readonly #nodes = new Map<string, Subscriptions>();
  #isClosed = false;

  /** The client behind `driver`. */
  constructor(driver: Driver) {
    this.driver = driver;
    driver.onLost?.(() => {
      for (const listener of this.#lost) listener();
    });
    driver.onMoved?.(() => {
      if (driver.nodeOf === undefined) this.#at("").subscribeAgain();
      else for (const subscription of this.#all) this.#follow(subscription);
    });
  }

  /** Calls `listener` when the connection is lost; returns a function that ends that. */
  onLost(listener: () => void): () => void {
    this.#lost.add(listener);
    return () => this.#lost.delete(listener);
  }

  /** Listens to a channel; returns a function that ends that, when the server has confirmed it. */
  async subscribe(channel: string, listener: Listener): Promise<() => Promise<void>> {
    const node = await this.driver.nodeOf?.(channel) ?? "";
    if (this.#isClosed) throw new UnreachableError("the connection was closed", false);
    const end = () => Promise.resolve();
    const subscription: Subscription = { channel, listener, node, target: node, end };
    subscription.end = await this.#subscribeAt(node, subscription);
    this.#all.add(subscription);
    if (node !== "") this.#follow(subscription); // The slot may have moved meanwhile.
    return () => {
      this.#all.delete(subscription);
      return subscription.end();
    };
  }

  /** Closes what was opened. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#all.clear();
    try {
      await Promise.all([...this.#nodes.values()].map((subscriptions) => subscriptions.close()));
    } finally {
      await this.driver.close();
    }
  }

  #at(node: string): Subscriptions {
    let subscriptions = this.#nodes.get(node);
    if (subscriptions === undefined) {
      subscriptions = new Subscriptions((receive, signal) =>
        this.driver.openSubscriber(receive, signal, node)
      );
      this.#nodes.set(node, subscriptions);
    }
    return subscriptions;
  }

  #subscribeAt(node: string, subscription: Subscription): Promise<() => Promise<void>> {
    return this.#at(node).subscribe(subscription.channel, (message) => {
      if (subscription.node === node) subscription.listener(message);
    });
  }

  /** Moves a subscription to the node that has the slot of its channel now. */
  async #follow(subscription: Subscription): Promise<void> {
    let node: string | undefined;
    try {
      node = await this.driver.nodeOf!(subscription.channel);
      if (node === subscription.target || !this.#all.has(subscription)) return;
      subscription.target = node;
      if (node === subscription.node) return this.#tidy();
      const end = await this.#subscribeAt(node, subscription);
      if (subscription.target !== node || !this.#all.has(subscription)) return await end();
      const endOld = subscription.end;
      Object.assign(subscription, { node, end });
      this.#tidy();
      await endOld().catch(() => {});
    } catch {
      if (subscription.target !== node || !this.#all.has(subscription)) return;
      subscription.target = subscription.node;
      await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
      await this.#follow(subscription);
    }
  }

  /** Closes the connections to nodes that no subscription needs. */
  #tidy(): void {
    const used = new Set([...this.#all].flatMap(({ node, target }) => [node, target]));
    for (const [node, subscriptions] of this.#nodes) {
      if (used.has(node)) continue;
      this.#nodes.delete(node);
      subscriptions.close().catch(() => {}); // It may not answer any more.
    }
  }
}
