import type { AsyncExchangeCounter } from "../contract/async_counter.ts";
import { UnsupportedError } from "../contract/errors.ts";
import type { RedisAdapter, Reply } from "./adapter.ts";
import { adapterOf, type RedisSource } from "./adapter_of.ts";
import { AddBatch } from "./add_batch.ts";
import { CoalescedCounter, type CoalescedOptions } from "./coalesced_counter.ts";
import {
  type AddOptions,
  checkWhole,
  type CounterSettings,
  type RedisCounterOptions,
  settingsOf,
} from "./counter_options.ts";
import { ADD, SET } from "./counter_scripts.ts";
import { codeOf, explain, mayPass, MisconfiguredError } from "./errors.ts";
import { InFlight } from "./in_flight.ts";
import { checkText, operationKey } from "./names.ts";

/**
 * As long as the value was last seen nearer to 0 than this, adds are plain INCRBYs: quicker than a
 * script, and far from the edge of the exact numbers unless another program has just gone there.
 */
const NEAR = 2 ** 50;
const RETRY_MS = 10_000;
const WHOLE = /^(0|-?[1-9]\d*)$/;

/**
 * A number at a key of a Redis or Valkey server, in the form that INCR has; other programs may use
 * it as well. Adds that one program makes at the same moment go out as one command, and each gets
 * its own value.
 *
 * An add whose answer does not come may have happened or not; then it throws an
 * {@linkcode UnreachableError} that says so, and is not tried again, unless it has an identity
 * (`operation`), by which the server counts it once.
 *
 * @example
 * ```ts
 * import { RedisCounter } from "@interlock/interlock/redis";
 *
 * await using visits = new RedisCounter("redis://127.0.0.1:6379", "visits");
 * await visits.add(); // The value after it.
 * await visits.add(5, { operation: crypto.randomUUID() }); // Once, whatever the network does.
 * console.log(await visits.value());
 * ```
 */
export class RedisCounter implements AsyncExchangeCounter, AsyncDisposable {
  /** The key. */
  readonly key: string;

  readonly #adapter: RedisAdapter;
  readonly #settings: CounterSettings;
  /** Whether there is nothing that only a script can do. */
  readonly #isPlain: boolean;
  #isNear = false;
  readonly #inFlight = new InFlight();
  /** Functions that close the collectors with something to send, when this is closed. */
  readonly #collectors = new Set<() => Promise<void>>();
  #closed: Promise<void> | undefined;
  #hasScripts = true;
  #batch: AddBatch | undefined;
  readonly #flushNow = () => void this.#flush();

  /**
   * The counter at `key`, of a server that is reached by a client or an address. Nothing is sent
   * yet; a key that is not there counts as 0.
   *
   * @throws {MisconfiguredError} If `source` is no client, adapter or address.
   * @throws {TypeError} If the key is not a text, or empty.
   * @throws {RangeError} If an option is outside of what it may be.
   */
  constructor(source: RedisSource, key: string, options: RedisCounterOptions = {}) {
    if (typeof key !== "string" || key === "") {
      throw new TypeError(`Cannot count at the key ${JSON.stringify(key)}: it must be a text`);
    }
    checkText("key", key);
    this.key = key;
    this.#settings = settingsOf(options);
    const { min, max, life } = this.#settings;
    this.#isPlain = min === Number.MIN_SAFE_INTEGER && max === Number.MAX_SAFE_INTEGER &&
      life === "";
    this.#adapter = adapterOf(source, options);
  }

  /**
   * Adds `n`.
   *
   * @param n A whole number; negative to subtract. Default: 1.
   * @returns The value after this add, and before any other.
   * @throws {TypeError} If `n` is not a whole number.
   * @throws {RangeError} If `n` or the sum is beyond 2^53 or the counter's bounds; it is unchanged.
   * @throws {UnreachableError} If no answer came; `mayHaveHappened` says whether it may count.
   * @throws {RefusedError} If the server will not do it now.
   * @throws {MisconfiguredError} If something else is at the key.
   */
  add(n = 1, options?: AddOptions): Promise<number> {
    if (!Number.isSafeInteger(n) || options?.operation !== undefined) {
      return this.#addOnce(n, options ?? {});
    }
    if (this.#batch !== undefined && !this.#batch.takes(n)) this.#flush();
    if (this.#batch === undefined) {
      this.#batch = new AddBatch();
      queueMicrotask(this.#flushNow);
    }
    return this.#batch.add(n);
  }

  /**
   * The value now.
   *
   * @throws {RangeError} If it is beyond 2^53: another program has set it.
   * @throws {MisconfiguredError} If there is no whole number at the key.
   */
  async value(): Promise<number> {
    return this.#numberOf(await this.#ask("read", () => this.#adapter.send("GET", this.key)));
  }

  /**
   * Sets it to `n`, whatever number it was.
   *
   * @throws {TypeError} If `n` is not a whole number.
   * @throws {RangeError} If `n` is beyond 2^53 or the counter's bounds; it is unchanged.
   */
  async set(n: number): Promise<void> {
    await this.#replace(n, "", "");
  }

  /**
   * Sets it to `n` and returns the value before, in one step.
   *
   * @throws {TypeError} If `n` is not a whole number.
   * @throws {RangeError} If `n` or the value is beyond 2^53, or `n` beyond the counter's bounds; it
   * is unchanged.
   */
  async exchange(n: number): Promise<number> {
    return this.#numberOf(await this.#replace(n, "", "1"));
  }

  /**
   * Sets it to `value` if it is `expected`, in one step.
   *
   * @returns The value before: `expected` where it was set, else what it is instead.
   * @throws {TypeError} If either is not a whole number.
   * @throws {RangeError} If one is beyond 2^53 or `value` beyond the counter's bounds; it is
   * unchanged.
   */
  async compareExchange(expected: number, value: number): Promise<number> {
    return this.#numberOf(await this.#replace(value, `${checkWhole(expected)}`, "1"));
  }

  /**
   * Adds that are collected here and sent together, every now and then.
   *
   * @throws {TypeError} If this counter has bounds: they are for single adds.
   */
  coalesced(options: CoalescedOptions = {}): CoalescedCounter {
    const { min, max } = this.#settings;
    if (min !== Number.MIN_SAFE_INTEGER || max !== Number.MAX_SAFE_INTEGER) {
      throw new TypeError(`Cannot collect adds to the counter "${this.key}": it has bounds`);
    }
    const name = crypto.randomUUID();
    const forget = async () => void await this.#adapter.send("DEL", this.#recordOf(name));
    const collector = new CoalescedCounter({
      send: (n, parcel, retryFor) => this.#tryAgain(n, name, retryFor, `${parcel}`),
      value: () => this.value(),
      forget: () => this.#inFlight.track(forget()),
      closed: () => void this.#collectors.delete(close),
    }, options);
    const close = () =>
      collector.close().catch((error) => options.onError?.(error, collector.pending));
    this.#collectors.add(close);
    return collector;
  }

  /**
   * Sends what is not sent yet, also by its `coalesced()` counters, waits for the answers, and
   * closes what it has opened: never the user's client. Nothing is tried again.
   */
  close(): Promise<void> {
    return this.#closed ??= this.#close();
  }

  async #close(): Promise<void> {
    try {
      this.#flush();
      await Promise.all([...this.#collectors].map((close) => close()));
      await this.#inFlight.idle();
    } finally {
      await this.#adapter.close();
    }
  }

  /** The same as {@linkcode close}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Sends the adds of this moment, and never rejects: whoever added is told. */
  #flush(): Promise<void> {
    const batch = this.#batch;
    if (batch === undefined) return Promise.resolve();
    this.#batch = undefined;
    if (!this.#isNear || Math.abs(batch.total) >= NEAR) {
      return this.#inFlight.track(this.#send(batch));
    }
    this.#inFlight.begin();
    return this.#adapter.send("INCRBY", this.key, `${batch.total}`).then(
      (reply) => {
        const sum = Number(reply);
        this.#isNear = Math.abs(sum) < NEAR;
        if (!this.#isNear && !batch.isExact(sum)) {
          return this.#sendAgain(batch).finally(() => this.#inFlight.end());
        }
        this.#inFlight.end();
        return batch.resolve(sum);
      },
      (error) => {
        this.#inFlight.end();
        batch.reject(this.#explain(batch.total, error));
      },
    );
  }

  /** Another program has brought the value near the edge meanwhile, so a script has to look. */
  async #sendAgain(batch: AddBatch): Promise<void> {
    try {
      await this.#takeBack(batch);
    } catch (error) {
      return batch.reject(error);
    }
    await this.#send(batch);
  }

  async #send(batch: AddBatch): Promise<void> {
    try {
      batch.resolve(await this.#addAll(batch));
    } catch (error) {
      if (!(error instanceof RangeError) || batch.size === 1) return batch.reject(error);
      batch.oneByOne((single) => this.#inFlight.track(this.#addAll(single)));
    }
  }

  async #addAll(batch: AddBatch): Promise<number> {
    if (this.#hasScripts) {
      try {
        return await this.#scriptAdd(batch.total, batch.fall, batch.rise);
      } catch (error) {
        if (!this.#isPlain || !(error instanceof UnsupportedError)) throw error;
        this.#hasScripts = false;
      }
    }
    const add = () => this.#adapter.send("INCRBY", this.key, `${batch.total}`);
    const sum = Number(await this.#ask("add to", add));
    if (batch.isExact(sum)) return sum;
    await this.#takeBack(batch);
    throw this.#beyond(batch.total, `about ${sum - batch.total}`);
  }

  async #takeBack({ total }: AddBatch): Promise<void> {
    await this.#ask(
      "take back an add to",
      () => this.#adapter.send("DECRBY", this.key, `${total}`),
    );
  }

  async #scriptAdd(
    total: number,
    fall: number,
    rise: number,
    operation?: string,
    parcel = "",
  ): Promise<number> {
    const { min, max, life, memory } = this.#settings;
    const keys = operation === undefined ? [this.key] : [this.key, this.#recordOf(operation)];
    let reply: Reply;
    try {
      const args = [total, 0 - total, min, max, fall, rise].map(String);
      reply = await ADD.run(this.#adapter, keys, [...args, life, memory, parcel]);
    } catch (error) {
      throw this.#explain(total, error);
    }
    if (Array.isArray(reply)) {
      const [why, value] = reply as string[];
      if (why === "beyond") throw this.#beyond(total, value);
      throw new TypeError(
        `Cannot add ${total} to the counter "${this.key}": the operation "${operation}" added ` +
          `${value} before; give each add a name of its own`,
      );
    }
    const sum = Number(reply);
    this.#isNear = this.#isPlain && Math.abs(sum) < NEAR;
    return sum;
  }

  /** An add by itself: with an identity, or of what cannot be added. */
  async #addOnce(n: number, { operation, retryFor = RETRY_MS }: AddOptions): Promise<number> {
    checkWhole(n);
    if (typeof operation !== "string" || operation === "") {
      throw new TypeError(`Cannot call an operation ${JSON.stringify(operation)}: not a text`);
    }
    if (!(retryFor >= 0)) {
      throw new RangeError(
        `Cannot try again: retryFor must be 0 or more milliseconds: ${retryFor}`,
      );
    }
    checkText("operation", operation);
    this.#flush();
    return await this.#tryAgain(n, operation, retryFor);
  }

  #tryAgain(n: number, operation: string, retryFor: number, parcel?: string): Promise<number> {
    return this.#inFlight.track(this.#try(n, operation, retryFor, parcel));
  }

  async #try(n: number, operation: string, retryFor: number, parcel?: string): Promise<number> {
    const ends = performance.now() + retryFor;
    for (let pause = 20;; pause = Math.min(pause * 2, 500)) {
      try {
        return await this.#scriptAdd(n, 0, 0, operation, parcel);
      } catch (error) {
        if (!mayPass(error) || this.#closed !== undefined || performance.now() + pause > ends) {
          throw error;
        }
        await new Promise((resolve) => setTimeout(resolve, pause));
      }
    }
  }

  #recordOf(operation: string): string {
    return operationKey(this.key, operation, this.#settings.prefix);
  }

  async #replace(n: number, expected: string, mustTell: string): Promise<Reply> {
    const { min, max, life } = this.#settings;
    if (checkWhole(n) < min || n > max) {
      throw new RangeError(
        `Cannot set the counter "${this.key}" to ${n}: it must be from ${min} to ${max}`,
      );
    }
    const args = [`${n}`, expected, life, mustTell];
    const reply = await this.#ask("set", () => SET.run(this.#adapter, [this.key], args));
    this.#isNear = false;
    if (!Array.isArray(reply)) return reply;
    throw new RangeError(
      `Cannot set the counter "${this.key}" to ${n}: its value, ${reply[1]}, is beyond 2^53, and ` +
        "could not be told",
    );
  }

  /** Asks after the adds that were made before. */
  async #ask(what: string, ask: () => Promise<Reply>): Promise<Reply> {
    this.#flush();
    try {
      return await this.#inFlight.track(ask());
    } catch (error) {
      throw explain(`${what} the counter "${this.key}"`, error);
    }
  }

  #numberOf(reply: Reply): number {
    const text = String(reply ?? 0);
    if (!WHOLE.test(text)) {
      throw new MisconfiguredError(
        `Cannot read the counter "${this.key}": at the key is not a whole number but ` +
          JSON.stringify(text.slice(0, 40)),
      );
    }
    const number = Number(text);
    if (Number.isSafeInteger(number)) return number;
    throw new RangeError(`Cannot read the counter "${this.key}" exactly: it is ${text}`);
  }

  #explain(n: number, error: unknown): unknown {
    const overflows = codeOf(error) === "ERR" && /would overflow/.test((error as Error).message);
    if (overflows) return this.#beyond(n, "near 2^63");
    return explain(`add ${n} to the counter "${this.key}"`, error);
  }

  #beyond(n: number, value: number | string): RangeError {
    const { min, max } = this.#settings;
    const limits = this.#isPlain ? "2^53" : `its bounds, ${min} to ${max}`;
    return new RangeError(
      `Cannot add ${n} to the counter "${this.key}": the sum is beyond ${limits}, the value stays ` +
        value,
    );
  }
}
