import type { RedisAdapter } from "../client/adapter.ts";
import { codeOf, explain } from "../client/errors.ts";

/**
 * The message to a waiter: that it is its turn; that it is after others, who should have come within
 * half a second or so many milliseconds; or that the lock is granted to it, with its token and for
 * how many milliseconds.
 */
export type Word = "go" | "next" | `next:${number}` | `grant:${number}:${number}`;

/** How long the channel stays open after the last waiter, in milliseconds. */
const IDLE_MS = 1000;

/** How often a waiter asks if it may not listen, in milliseconds. */
const POLL_MS = 100;

/** A lock or a semaphore on one server, as its wake channel sees it. */
export interface WakeSource {
  /** Its name in messages. */
  readonly what: string;
  /** The beginning of the name of a waiter's channel; the client's name follows. */
  readonly channel: string;
  /** Whether a message without receivers proves that its waiter is gone; if scripts are told. */
  countsReceivers?: boolean;
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
  #isOpen = false;
  #idle: ReturnType<typeof setTimeout> | undefined;

  /** The messages to `client` about a lock. */
  constructor(adapter: RedisAdapter, server: WakeSource, client: string) {
    this.#adapter = adapter;
    this.#server = server;
    this.#channel = server.channel + client;
  }

  /** Whether a waiter is heard at once, since others have waited lately. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /**
   * Resolves when `listener` surely hears what is published for the waiter from now on. If the
   * server lets the user not subscribe, the waiter is told to ask again and again.
   */
  async add(waiter: string, listener: (word: Word) => void): Promise<void> {
    this.#listeners.set(waiter, listener);
    clearTimeout(this.#idle);
    const subscribed = this.#subscribed ??= this.#subscribe();
    try {
      await subscribed;
      this.#isOpen = this.#subscribed === subscribed;
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
    if (!this.#listeners.delete(waiter) || this.#listeners.size > 0) return;
    if (this.#isOpen) this.#idle = setTimeout(() => this.end(), IDLE_MS);
    else this.end();
  }

  /** Ends the subscription. */
  end(): void {
    clearTimeout(this.#idle);
    const subscribed = this.#subscribed;
    this.#subscribed = undefined;
    this.#isOpen = false;
    // A server that cannot be reached publishes nothing.
    subscribed?.then((end) => end()).catch(() => {});
  }

  async #subscribe(): Promise<() => Promise<void>> {
    if (this.#server.countsReceivers === false && !this.#hasAskedForCluster) {
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
