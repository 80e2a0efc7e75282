import { checkWhole } from "./counter_options.ts";

/** How adds are collected. */
export interface CoalescedOptions {
  /**
   * How long an add waits at most before it is sent, in milliseconds.
   *
   * @default {100}
   */
  flushEvery?: number;
  /**
   * Told when what was collected could not be sent, and how much that is. It is kept, and sent
   * again as the same parcel, so that nothing counts twice within the counter's `rememberFor`.
   */
  onError?: (error: unknown, pending: number) => void;
}

/** What a collector wants of its counter. */
export interface CollectorLink {
  /** Adds `n`; the same parcel counts once, however often it is sent. */
  send(n: number, parcel: number, retryFor: number): Promise<number>;
  value(): Promise<number>;
  /** Has the server forget which parcels it has counted. */
  forget(): Promise<void>;
  /** Whether everything was sent, and nothing more will be. */
  closed(): void;
}

interface Parcel {
  readonly n: number;
  readonly number: number;
}

const FLUSH_MS = 100;
const CLOSE_MS = 10_000;
const MOST_MS = 2 ** 31 - 1;

/**
 * Adds to a counter, collected in this process and sent every now and then as one. Made by
 * `RedisCounter.coalesced`. What is collected is lost if the process is killed; closing it loses
 * nothing.
 *
 * @example
 * ```ts
 * import { RedisCounter } from "@interlock/interlock/redis";
 *
 * await using visits = new RedisCounter("redis://127.0.0.1:6379", "visits");
 * await using collected = visits.coalesced({ flushEvery: 50 });
 * for (let i = 0; i < 1_000_000; i++) collected.add();
 * console.log(collected.pending); // 1000000: not on the server yet.
 * console.log(await collected.flush()); // The value on the server.
 * ```
 */
export class CoalescedCounter implements AsyncDisposable {
  readonly #counter: CollectorLink;
  readonly #flushEvery: number;
  readonly #onError: CoalescedOptions["onError"];
  #collected = 0;
  #parcels = 0;
  /** What was sent, or tried to be, and is not known to count. */
  #parcel: Parcel | undefined;
  #sending: Promise<number> | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  /** Collects for `counter`; a program gets one from `RedisCounter.coalesced`. */
  constructor(counter: CollectorLink, options: CoalescedOptions) {
    const { flushEvery = FLUSH_MS, onError } = options;
    if (!(flushEvery >= 0 && flushEvery <= MOST_MS)) {
      throw new RangeError(
        `Cannot collect adds: flushEvery must be 0 or more milliseconds: ${flushEvery}`,
      );
    }
    this.#counter = counter;
    this.#flushEvery = flushEvery;
    this.#onError = onError;
  }

  /** The sum of the adds that are not known to be on the server. */
  get pending(): number {
    return this.#collected + (this.#parcel?.n ?? 0);
  }

  /**
   * Adds `n` here; it is on the server within `flushEvery` if that can be reached.
   *
   * @throws {TypeError} If `n` is not a whole number.
   * @throws {RangeError} If `n`, or all that is collected, is beyond 2^53; nothing is added.
   * @throws {Error} If it is closed.
   */
  add(n = 1): void {
    const sum = this.#collected + n;
    if (!Number.isSafeInteger(n) || !Number.isSafeInteger(sum)) {
      checkWhole(n);
      throw new RangeError(`Cannot collect ${n} more: the sum would be beyond 2^53`);
    }
    if (this.#timer === undefined) this.#wind();
    this.#collected = sum;
  }

  /**
   * Sends what was collected.
   *
   * @returns The value on the server after it.
   * @throws What `RedisCounter.add` throws; what was collected is kept, and sent again later.
   */
  flush(): Promise<number> {
    return this.#flush(0);
  }

  /**
   * Sends what was collected and takes no more. Tries for ten seconds where the server cannot be
   * reached, unless its counter is being closed, and can be called again where it failed.
   *
   * @throws What {@linkcode flush} throws; `pending` is then what is not on the server.
   */
  async close(): Promise<void> {
    this.#closed = true;
    while (this.pending !== 0 || this.#parcel !== undefined) await this.#flush(CLOSE_MS);
    this.#counter.closed();
    if (this.#parcels === 0) return;
    this.#parcels = 0;
    await this.#counter.forget().catch(() => {}); // It forgets by itself, later.
  }

  /** The same as {@linkcode close}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #flush(retryFor: number): Promise<number> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const sending = this.#sending;
    // What was collected since then goes after it.
    const next = sending === undefined
      ? this.#send(retryFor)
      : sending.then(() => this.#send(retryFor), () => this.#send(retryFor));
    const sent: Promise<number> = next.finally(() => {
      if (this.#sending === sent) this.#sending = undefined;
    });
    sent.catch(() => {}); // Whoever flushes is told.
    return this.#sending = sent;
  }

  #wind(): void {
    if (this.#closed) throw new Error("Cannot collect an add: it was closed before");
    this.#timer = setTimeout(() => {
      this.flush().catch((error) => {
        this.#onError?.(error, this.pending);
        if (!this.#closed && this.#timer === undefined) this.#wind();
      });
    }, this.#flushEvery);
  }

  /** Sends what was sent before and may not count, then what was collected up to now. */
  async #send(retryFor: number): Promise<number> {
    let value = this.#parcel && await this.#deliver(this.#parcel, retryFor);
    if (this.#collected !== 0) {
      this.#parcel = { n: this.#collected, number: ++this.#parcels };
      this.#collected = 0;
      value = await this.#deliver(this.#parcel, retryFor);
    }
    return value ?? await this.#counter.value();
  }

  async #deliver({ n, number }: Parcel, retryFor: number): Promise<number> {
    const value = await this.#counter.send(n, number, retryFor);
    this.#parcel = undefined;
    return value;
  }
}
