import type { RedisAdapter } from "../client/adapter.ts";
import { codeOf, explain } from "../client/errors.ts";

/** The message to a waiter: that it is its turn, or that it is next after the first one. */
export type Word = "go" | "next";

/** How often a waiter asks if it may not listen, in milliseconds. */
const POLL_MS = 100;

/** A lock or a semaphore on one server, as its wake channel sees it. */
export interface WakeSource {
  /** Its name in messages. */
  readonly what: string;
  /** The beginning of the name of a waiter's channel; the client's name follows. */
  readonly channel: string;
  /** Whether a message without receivers proves that its waiter is gone. */
  countsReceivers: boolean;
}

/**
 * The channel with the messages that wake the waiters of one client. It is subscribed from the
 * first waiter on, and until a second after the last.
 */
export class WakeChannel {
  readonly #adapter: RedisAdapter;
  readonly #server: WakeSource;
  readonly #channel: string;
  readonly #listeners = new Map<string, (word: Word) => void>();
  /** The timers of the waiters that may not listen. */
  readonly #polls = new Map<string, ReturnType<typeof setInterval>>();
  #subscribed: Promise<() => Promise<void>> | undefined;
  #hasAskedForCluster = false;

  /** The messages to `client` about a lock. */
  constructor(adapter: RedisAdapter, server: WakeSource, client: string) {
    this.#adapter = adapter;
    this.#server = server;
    this.#channel = server.channel + client;
  }

  /**
   * Resolves when `listener` surely hears what is published for the waiter from now on. If the
   * server lets the user not subscribe, the waiter is told to ask again and again.
   */
  async add(waiter: string, listener: (word: Word) => void): Promise<void> {
    this.#listeners.set(waiter, listener);
    const subscribed = this.#subscribed ??= this.#subscribe();
    try {
      await subscribed;
    } catch (error) {
      if (this.#subscribed === subscribed) this.#subscribed = undefined;
      if (isDeaf(error)) {
        if (!this.#listeners.has(waiter)) return;
        return void this.#polls.set(waiter, setInterval(() => listener("go"), POLL_MS));
      }
      this.#listeners.delete(waiter);
      throw explain(`wait for ${this.#server.what}`, error);
    }
  }

  /** The waiter does not wait any more. */
  remove(waiter: string): void {
    clearInterval(this.#polls.get(waiter));
    this.#polls.delete(waiter);
    if (this.#listeners.delete(waiter) && this.#listeners.size === 0) this.end();
  }

  /** Ends the subscription. */
  end(): void {
    const subscribed = this.#subscribed;
    this.#subscribed = undefined;
    // A server that cannot be reached publishes nothing.
    subscribed?.then((end) => end()).catch(() => {});
  }

  async #subscribe(): Promise<() => Promise<void>> {
    if (!this.#hasAskedForCluster) {
      this.#server.countsReceivers = await this.#isNoCluster();
      this.#hasAskedForCluster = true;
    }
    return await this.#adapter.subscribe(this.#channel, (message) => {
      const space = message.indexOf(" ");
      this.#listeners.get(message.slice(space + 1))?.(message.slice(0, space) as Word);
    });
  }

  /** Whether the server is not a node of a cluster; `false` if it does not say. */
  async #isNoCluster(): Promise<boolean> {
    try {
      return String(await this.#adapter.send("INFO", "cluster")).includes("cluster_enabled:0");
    } catch {
      return false;
    }
  }
}

/** Whether the user has no right to subscribe to the channel, or the server knows no channels. */
function isDeaf(error: unknown): boolean {
  const code = codeOf(error);
  return code === "NOPERM" || (code === "ERR" && /unknown command/i.test((error as Error).message));
}
