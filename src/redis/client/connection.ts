import { UnsupportedError } from "../../contract/errors.ts";
import { nameOf } from "../../contract/options.ts";
import { printable } from "../../contract/printable.ts";
import { missingPermission } from "../../runtime/adapters/missing_permission.ts";
import type { RedisAdapter, Reply } from "./adapter.ts";
import type { Driver } from "./driver.ts";
import { codeOf, UnreachableError } from "./errors.ts";
import type { SharedClient } from "./shared_client.ts";

/** How often the deadlines of commands are checked, in milliseconds. */
const WATCH_MS = 50;

interface Pending {
  readonly deadline: number;
  readonly reject: (error: Error) => void;
}

/**
 * An adapter over a client that others may use as well. It limits the time of commands, and rejects
 * them when the client's connection is lost, whatever the client itself would do then.
 */
export class Connection implements RedisAdapter {
  readonly #client: SharedClient;
  readonly #driver: Driver;
  readonly #timeout: number;
  readonly #release: () => Promise<void>;
  readonly #forgetLost: () => void;
  readonly #ends = new Set<() => Promise<void>>();
  /** In the order they were sent, which is the order of their deadlines. */
  readonly #pending = new Set<Pending>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #hasSent = false;
  #mayWait = true;
  /** Functions that reject the waits for a connection or a subscription. */
  readonly #waiting = new Set<() => void>();
  /** Called when the last command is answered, while this is closing. */
  #onAnswered: (() => void) | undefined;
  #closed: Promise<void> | undefined;

  /**
   * A connection.
   *
   * @param timeout How long to wait for a reply, in milliseconds.
   * @param release Called when this is closed.
   */
  constructor(client: SharedClient, timeout: number, release: () => Promise<void>) {
    this.#client = client;
    this.#driver = client.driver;
    this.#timeout = timeout;
    this.#release = release;
    this.#forgetLost = client.onLost(() =>
      this.#rejectAll("the connection was lost before the answer came")
    );
  }

  /** What the client puts before the keys of commands, and not before channels. */
  get keyPrefix(): string {
    return this.#driver.keyPrefix ?? "";
  }

  send(...parts: [command: string, ...args: string[]]): Promise<Reply> {
    for (const part of parts) {
      if (typeof part !== "string") return Promise.reject(wrongArgument(parts, part));
    }
    if (this.#closed === undefined && this.#driver.isReady) return this.#write(parts);
    return this.#whenReady().then(() => this.#write(parts));
  }

  async subscribe(
    channel: string,
    onMessage: (message: string) => void,
  ): Promise<() => Promise<void>> {
    if (typeof channel !== "string") {
      throw new TypeError(`Cannot subscribe: the channel must be a string, not ${nameOf(channel)}`);
    }
    if (typeof onMessage !== "function") {
      throw new TypeError(
        `Cannot subscribe: onMessage must be a function, not ${nameOf(onMessage)}`,
      );
    }
    this.#refuseClosed();
    const subscribing = this.#client.subscribe(channel, onMessage);
    let end: () => Promise<void>;
    try {
      end = await this.#timed(subscribing, () => {
        return this.#unreachable(`no answer within ${this.#timeout} ms`, false);
      });
      this.#refuseClosed();
    } catch (error) {
      // A subscription that comes later is of no use.
      subscribing.then((end) => end()).catch(() => {});
      throw this.#asUnreachable(error, false);
    }
    const endOnce = async () => {
      if (!this.#ends.delete(endOnce)) return;
      await end();
    };
    this.#ends.add(endOnce);
    return endOnce;
  }

  /**
   * Ends all waits for the connection, now and later, if nothing was ever sent: then there is
   * nothing to release, and `close` need not wait for a server that cannot be reached.
   */
  stopWaiting(): void {
    if (this.#hasSent) return;
    this.#mayWait = false;
    for (const refuse of this.#waiting) refuse();
  }

  close(): Promise<void> {
    return this.#closed ??= this.#close();
  }

  /** Closes after the answers to the commands that were sent, or their time limits. */
  async #close(): Promise<void> {
    for (const refuse of this.#waiting) refuse();
    try {
      // A server that is gone cannot confirm the end of a subscription.
      const ended = Promise.allSettled([...this.#ends].map((end) => end()));
      const ending = this.#timed(ended, () => new Error("not confirmed")).catch(() => {});
      if (this.#pending.size > 0) await new Promise<void>((resolve) => this.#onAnswered = resolve);
      await ending;
    } finally {
      this.#forgetLost();
      await this.#release();
    }
  }

  #write(parts: string[]): Promise<Reply> {
    this.#hasSent = true;
    return new Promise((resolve, reject) => {
      const pending: Pending = { deadline: performance.now() + this.#timeout, reject };
      this.#pending.add(pending);
      if (this.#timer === undefined) this.#watch();
      this.#driver.send(parts).then(
        (reply) => {
          this.#settle(pending);
          resolve(typeof reply === "number" ? reply : replyOf(reply));
        },
        (error) => {
          this.#settle(pending);
          reject(this.#asUnreachable(error, true));
        },
      );
    });
  }

  #settle(pending: Pending): void {
    this.#pending.delete(pending);
    if (this.#pending.size === 0) this.#onAnswered?.();
  }

  /**
   * Checks the deadlines. One timer runs while commands come and go, since a timer for each command
   * would cost more than the rest. It is short, so that it does not keep the process alive.
   */
  #watch(): void {
    this.#timer = undefined;
    const now = performance.now();
    for (const pending of this.#pending) {
      if (pending.deadline > now) {
        const next = Math.min(pending.deadline - now + 1, WATCH_MS);
        this.#timer = setTimeout(() => this.#watch(), next);
        return;
      }
      this.#settle(pending);
      pending.reject(this.#unreachable(`no answer within ${this.#timeout} ms`, true));
    }
  }

  #rejectAll(why: string): void {
    for (const { reject } of this.#pending) reject(this.#unreachable(why, true));
    this.#pending.clear();
    this.#onAnswered?.();
  }

  async #whenReady(): Promise<void> {
    this.#refuseClosed();
    try {
      await this.#timed(this.#driver.ready(), () => {
        return this.#unreachable(`no connection within ${this.#timeout} ms`, false);
      });
    } catch (error) {
      throw this.#asUnreachable(error, false);
    }
    this.#refuseClosed();
  }

  #refuseClosed(): void {
    if (this.#closed === undefined && (this.#mayWait || this.#driver.isReady)) return;
    throw this.#unreachable("the connection was closed", false);
  }

  #timed<T>(promise: Promise<T>, late: () => Error): Promise<T> {
    return new Promise((resolve, reject) => {
      const fail = (error: Error) => {
        settle();
        reject(error);
      };
      const refuse = () => fail(this.#unreachable("the connection was closed", false));
      const timer = setTimeout(() => fail(late()), this.#timeout);
      const settle = () => {
        clearTimeout(timer);
        this.#waiting.delete(refuse);
      };
      this.#waiting.add(refuse);
      promise.finally(settle).then(resolve, reject);
    });
  }

  /** Makes an error of the connection of an error; errors of arguments stay what they are. */
  #asUnreachable(error: unknown, mayHaveHappened: boolean): unknown {
    if (error instanceof UnreachableError || error instanceof TypeError) return error;
    if (!(error instanceof Error) || error.name === "MisconfiguredError") return error;
    if (codeOf(error) !== undefined) return withoutCommand(error);
    const missing = missingPermission(error);
    if (missing !== undefined) return new UnsupportedError(missing, { cause: error });
    const surely = NEVER_SENT.has(error.name) || NEVER_SENT.has(error.message);
    const why = printable(error.message || (error as { code?: string }).code || error.name);
    return new UnreachableError(why, mayHaveHappened && !surely, { cause: withoutCommand(error) });
  }

  #unreachable(why: string, mayHaveHappened: boolean): UnreachableError {
    const lastError = withoutCommand(this.#driver.lastError);
    const last = mayHaveHappened || !(lastError instanceof Error)
      ? ""
      : ` (${missingPermission(lastError) ?? printable(lastError.message)})`;
    return new UnreachableError(`${why}${last}`, mayHaveHappened, { cause: lastError });
  }
}

/** Errors of clients that say that a command was never written. */
const NEVER_SENT: ReadonlySet<string> = new Set([
  "ClientClosedError",
  "ClientOfflineError",
  "Stream isn't writeable and enableOfflineQueue options is false",
  "Connection is closed and offline queue is disabled",
]);

/** The errors of ioredis contain the command: the password, if that was refused. */
function withoutCommand(error: unknown): unknown {
  if (!(error instanceof Error) || !("command" in error)) return error;
  const { name, message, stack } = error;
  return Object.assign(new Error(message), { name, stack });
}

/** It shows the type only: the value may be a password. */
function wrongArgument(parts: readonly unknown[], value: unknown): TypeError {
  const what = value === parts[0] ? "command" : "argument";
  return new TypeError(`Cannot send a command: each ${what} must be a string: ${typeof value}`);
}

const decoder = new TextDecoder();

function replyOf(reply: unknown): Reply {
  if (typeof reply === "string" || typeof reply === "number") return reply;
  if (reply === null || reply === undefined) return null;
  if (Array.isArray(reply)) return reply.map(replyOf);
  if (reply instanceof Uint8Array) return decoder.decode(reply);
  if (typeof reply === "boolean") return Number(reply);
  if (typeof reply === "bigint") {
    return Number.isSafeInteger(Number(reply)) ? Number(reply) : `${reply}`;
  }
  if (reply instanceof Map) return [...reply].flat().map(replyOf);
  return Object.entries(reply as object).flat().map(replyOf);
}
