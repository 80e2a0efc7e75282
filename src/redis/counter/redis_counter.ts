import type { AsyncExchangeCounter } from "../../contract/async_counter.ts";
import { nameOf } from "../../contract/options.ts";
import { asyncDispose, type PlatformAsyncDisposable } from "../../contract/platform.ts";
import type { RedisAdapter, Reply } from "../client/adapter.ts";
import { adapterOf, type RedisSource } from "../client/adapter_of.ts";
import { checkNumber, checkOptions } from "../client/arguments.ts";
import { MisconfiguredError } from "../client/errors.ts";
import { checkText } from "../client/names.ts";
import { Adds } from "./adds.ts";
import {
  type CoalescedCounter,
  type CoalescedOptions,
  Collector,
  collectorSettingsOf,
  report,
} from "./coalesced_counter.ts";
import {
  type AddOptions,
  checkWhole,
  type CounterSettings,
  type RedisCounterOptions,
  settingsOf,
} from "./counter_options.ts";

const RETRY_MS = 10_000;
const WHOLE = /^(0|-?[1-9]\d*)$/;

/**
 * A number at a key of a Redis or Valkey server, in the format of INCR; other programs may use it
 * as well. Adds that one program makes at the same moment are sent as one command, and each gets
 * its own value.
 *
 * The server runs the operations of one `RedisCounter` in the order of their calls, also those that
 * are not awaited. Only what was refused and is tried again can come later: an add with an
 * `operation` after a failure, and adds that were sent as one command if their values would be
 * beyond a bound; they are then tried one by one.
 *
 * An add without an answer may have happened or not. It then throws an
 * {@linkcode UnreachableError} that says so, and is not tried again, unless it has an `operation`,
 * a name by which the server counts it once.
 *
 * @example
 * ```ts
 * import { RedisCounter } from "@interlock/interlock/redis";
 *
 * await using visits = new RedisCounter("redis://127.0.0.1:6379", "visits");
 * await visits.add(); // The value after it.
 * await visits.add(5, { operation: crypto.randomUUID() }); // Once, whatever the network does.
 * console.log(await visits.get());
 * ```
 */
export class RedisCounter implements AsyncExchangeCounter, PlatformAsyncDisposable {
  /** The key. */
  readonly key: string;

  readonly #adapter: RedisAdapter;
  readonly #settings: CounterSettings;
  readonly #adds: Adds;
  /** Functions that close the coalesced counters with something to send, when this is closed. */
  readonly #collectors = new Set<() => Promise<void>>();
  #closed: Promise<void> | undefined;

  /**
   * The counter at `key`. Sends nothing yet; a missing key counts as 0.
   *
   * @param source A client, an adapter or an address.
   * @throws {MisconfiguredError} If `source` is no client, adapter or address.
   * @throws {TypeError} If the key is not a string or empty, or an option is of a wrong type.
   * @throws {RangeError} If an option is out of bounds.
   */
  constructor(source: RedisSource, key: string, options: RedisCounterOptions = {}) {
    if (typeof key !== "string" || key === "") {
      throw new TypeError(
        `Cannot count at the key ${nameOf(key)}: it must be a string that is not empty`,
      );
    }
    checkText("key", key);
    this.key = key;
    this.#settings = settingsOf(options);
    this.#adapter = adapterOf(source, options);
    this.#adds = new Adds(this.#adapter, key, this.#settings);
  }

  /**
   * Adds `n`.
   *
   * @param n A whole number; negative to subtract. Default: 1.
   * @returns The value after this add, as if concurrent adds had run one by one.
   * @throws {TypeError} If `n` is not a whole number.
   * @throws {RangeError} If `n` or the sum is beyond 2^53 or the counter's bounds; the value is
   * unchanged.
   * @throws {UnreachableError} If no answer came; `mayHaveHappened` says whether it may count.
   * @throws {RefusedError} If the server cannot do it now.
   * @throws {MisconfiguredError} If another kind of value is at the key.
   */
  add(n = 1, options?: AddOptions): Promise<number> {
    if (!Number.isSafeInteger(n) || options !== undefined || this.#closed !== undefined) {
      return this.#addOnce(n, options, false);
    }
    return this.#adds.add(n, false);
  }

  /**
   * Adds `n`. The same as {@linkcode add}, except for the result.
   *
   * @param n A whole number; negative to subtract. Default: 1.
   * @returns The value before this add.
   * @throws {TypeError} If `n` is not a whole number.
   * @throws {RangeError} If `n`, the value or the sum is beyond 2^53 or the counter's bounds; the
   * value is unchanged.
   */
  fetchAdd(n = 1, options?: AddOptions): Promise<number> {
    if (!Number.isSafeInteger(n) || options !== undefined || this.#closed !== undefined) {
      return this.#addOnce(n, options, true);
    }
    return this.#adds.add(n, true);
  }

  /**
   * Reads the value.
   *
   * @throws {RangeError} If the value is beyond 2^53: another program has set it.
   * @throws {MisconfiguredError} If there is no whole number at the key.
   */
  async get(): Promise<number> {
    this.#checkOpen();
    return await this.#get();
  }

  /**
   * Sets the counter to `n`.
   *
   * @throws {TypeError} If `n` is not a whole number.
   * @throws {RangeError} If `n` is beyond 2^53 or the counter's bounds; the value is unchanged.
   */
  async set(n: number): Promise<void> {
    await this.#replace(n, "", "");
  }

  /**
   * Sets the counter to `n` if `n` is less than the value, in one step.
   *
   * @returns The value before.
   * @throws {TypeError} If `n` is not a whole number.
   * @throws {RangeError} If `n` or the value is beyond 2^53, or `n` beyond the counter's bounds;
   * the value is unchanged.
   */
  async fetchMin(n: number): Promise<number> {
    return this.#numberOf(await this.#replace(n, "min", "1"));
  }

  /**
   * Sets the counter to `n` if `n` is greater than the value, in one step.
   *
   * @returns The value before.
   * @throws {TypeError} If `n` is not a whole number.
   * @throws {RangeError} If `n` or the value is beyond 2^53, or `n` beyond the counter's bounds;
   * the value is unchanged.
   */
  async fetchMax(n: number): Promise<number> {
    return this.#numberOf(await this.#replace(n, "max", "1"));
  }

  /**
   * Sets the counter to `n`, in one step with reading the value before.
   *
   * @returns The value before.
   * @throws {TypeError} If `n` is not a whole number.
   * @throws {RangeError} If `n` or the value is beyond 2^53, or `n` beyond the counter's bounds;
   * the value is unchanged.
   */
  async exchange(n: number): Promise<number> {
    return this.#numberOf(await this.#replace(n, "", "1"));
  }

  /**
   * Sets the counter to `value` if it is `expected`, in one step.
   *
   * @returns The value before: `expected` if the counter was set.
   * @throws {TypeError} If either is not a whole number.
   * @throws {RangeError} If either is beyond 2^53, or `value` beyond the counter's bounds; the
   * value is unchanged.
   */
  async compareExchange(expected: number, value: number): Promise<number> {
    return this.#numberOf(await this.#replace(value, `${checkWhole(expected)}`, "1"));
  }

  /**
   * Returns a counter that collects adds in this process, and sends them together.
   *
   * @throws {TypeError} If this counter has bounds: they need single adds; or if it is closed.
   */
  coalesced(options: CoalescedOptions = {}): CoalescedCounter {
    const what = `collect adds to the counter "${this.key}"`;
    const settings = collectorSettingsOf(what, options);
    const { min, max } = this.#settings;
    if (min !== Number.MIN_SAFE_INTEGER || max !== Number.MAX_SAFE_INTEGER) {
      throw new TypeError(`Cannot ${what}: it has bounds, which need single adds`);
    }
    this.#checkOpen();
    const name = crypto.randomUUID();
    const collector = new Collector({
      send: (n, parcel, retryFor) => this.#adds.addParcel(n, name, parcel, retryFor),
      get: () => this.#get(),
      checkOpen: () => this.#checkOpen(),
      forget: () => this.#adds.forget(name),
      closed: () => void this.#collectors.delete(close),
    }, settings);
    const close = () =>
      collector.close().catch((error) => {
        report(settings, error, collector.pending);
        throw error;
      });
    this.#collectors.add(close);
    return collector;
  }

  /**
   * Sends what is not sent yet, also of its `coalesced()` counters, waits for the answers, and
   * closes what it has opened: never the user's client. Nothing is tried again.
   *
   * @throws What {@linkcode RedisCounter.add} throws, if collected adds could not be sent: they are
   * lost, and `pending` of the coalesced counter is their sum. It is closed nevertheless.
   */
  close(): Promise<void> {
    return this.#closed ??= this.#close();
  }

  async #close(): Promise<void> {
    try {
      this.#adds.endRetries();
      this.#adds.flush();
      const closed = await Promise.allSettled([...this.#collectors].map((close) => close()));
      await this.#adds.inFlight.idle();
      for (const { reason } of closed as PromiseRejectedResult[]) if (reason) throw reason;
    } finally {
      await this.#adapter.close();
    }
  }

  /** The same as {@linkcode close}, for `await using`. */
  [asyncDispose](): Promise<void> {
    return this.close();
  }

  /**
   * Checks that it is not closed.
   *
   * @throws {TypeError} If it is.
   */
  #checkOpen(): void {
    if (this.#closed === undefined) return;
    throw new TypeError(`Cannot use the counter "${this.key}": it was closed`);
  }

  async #get(): Promise<number> {
    return this.#numberOf(await this.#adds.get());
  }

  /** An add by itself: with options, or one that cannot be made. */
  async #addOnce(n: number, options: AddOptions = {}, isFetch: boolean): Promise<number> {
    checkWhole(n);
    const what = `add to the counter "${this.key}"`;
    checkOptions(what, options);
    const { operation, retryFor = RETRY_MS } = options;
    checkNumber(what, "retryFor", retryFor, 0, Infinity);
    if (operation === undefined) {
      this.#checkOpen();
      return await this.#adds.add(n, isFetch);
    }
    if (typeof operation !== "string" || operation === "") {
      throw new TypeError(
        `Cannot ${what}: operation must be a string that is not empty, not ${nameOf(operation)}`,
      );
    }
    checkText("operation", operation);
    this.#checkOpen();
    return await this.#adds.addOnce(n, isFetch, operation, retryFor);
  }

  async #replace(n: number, condition: string, mustTell: string): Promise<Reply> {
    const { min, max, expireAfter } = this.#settings;
    if (checkWhole(n) < min || n > max) {
      throw new RangeError(
        `Cannot set the counter "${this.key}" to ${n}: it must be from ${min} to ${max}`,
      );
    }
    this.#checkOpen();
    const args = [`${n}`, condition, expireAfter, mustTell];
    const reply = await this.#adds.replace(args);
    if (!Array.isArray(reply)) return reply;
    throw new RangeError(
      `Cannot set the counter "${this.key}" to ${n}: its value, ${reply[1]}, is beyond 2^53 and ` +
        "cannot be returned exactly. It is unchanged",
    );
  }

  #numberOf(reply: Reply): number {
    const text = String(reply ?? 0);
    if (!WHOLE.test(text)) {
      throw new MisconfiguredError(
        `Cannot read the counter "${this.key}": its key has not a whole number but ` +
          JSON.stringify(text.slice(0, 40)),
      );
    }
    const number = Number(text);
    if (Number.isSafeInteger(number)) return number;
    throw new RangeError(`Cannot read the counter "${this.key}" exactly: it is ${text}`);
  }
}
