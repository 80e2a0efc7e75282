import { LONGEST_TIMER_MS } from "../../contract/deadline.ts";
import { nameOf } from "../../contract/options.ts";
import { asyncDispose, type PlatformAsyncDisposable } from "../../contract/platform.ts";
import { checkNumber, checkOptions } from "../client/arguments.ts";
import { checkWhole } from "./counter_options.ts";

/** Options for `RedisCounter.coalesced`. */
export interface CoalescedOptions {
  /**
   * How long an add waits at most before it is sent, in milliseconds.
   *
   * @default {100}
   */
  flushEvery?: number;
  /**
   * Called if the collected adds could not be sent, with their sum. They are kept and sent again,
   * and count once within the counter's `rememberFor`. An error of this function is ignored.
   */
  onError?: (error: unknown, pending: number) => void;
}

/** The counter of a {@linkcode CoalescedCounter}, as the latter sees it. */
export interface CollectorLink {
  /** Adds `n`; the same parcel counts once, however often it is sent. */
  send(n: number, parcel: number, retryFor: number): Promise<number>;
  get(): Promise<number>;
  /** Throws a `TypeError` if the counter is closed. */
  checkOpen(): void;
  /** Makes the server forget which parcels it has counted. */
  forget(): Promise<void>;
  /** Called when everything was sent, and nothing more will be. */
  closed(): void;
}

/** The options of a collector with their defaults, read once. */
export interface CollectorSettings {
  readonly flushEvery: number;
  readonly onError: CoalescedOptions["onError"];
}

const FLUSH_MS = 100;
const CLOSE_MS = 10_000;

/**
 * A counter whose adds are collected in this process and sent together. Made by
 * `RedisCounter.coalesced`.
 *
 * What is {@linkcode CoalescedCounter.pending} exists in this process only: it is lost if the
 * process is killed or calls `process.exit`, at most the adds of the last `flushEvery` while the
 * server answers. Adds that were being sent then have counted all or not at all. A process that
 * ends by itself first sends them, as its timer keeps it alive. While the server is absent, the
 * adds are kept and tried again every `flushEvery`. A `close` loses nothing unless it rejects.
 *
 * A sum that would take the counter beyond 2^53 is refused and kept. Later adds join it, so it
 * is sent as soon as it fits: after adds of the opposite sign, or when the counter was set back.
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
export interface CoalescedCounter extends PlatformAsyncDisposable<Promise<void>> {
  /** The sum of the adds that are not known to be on the server. */
  readonly pending: number;
  /**
   * Adds `n` here; it reaches the server within `flushEvery`, if the server can be reached.
   *
   * @param n A whole number; negative to subtract. Default: 1.
   * @throws {TypeError} If `n` is not a whole number, or if it is closed.
   * @throws {RangeError} If `n`, or the sum of the pending adds, is beyond 2^53; nothing is added.
   */
  add(n?: number): void;
  /**
   * Reads the value on the server, and adds {@linkcode CoalescedCounter.pending}: the value with
   * the adds of this process, without those that other processes have not sent yet. Sends nothing.
   *
   * It first waits for adds that are being sent. Adds whose answer was lost count as pending until
   * they are sent again. If the server has counted them, this sum has them twice until then.
   *
   * @throws {RangeError} If the sum is beyond 2^53.
   * @throws What `RedisCounter.get` throws.
   */
  get(): Promise<number>;
  /**
   * Sends the collected adds.
   *
   * @returns The value on the server after it.
   * @throws What `RedisCounter.add` throws; the adds are kept, and sent again after `flushEvery`.
   */
  flush(): Promise<number>;
  /**
   * Sends the collected adds and takes no more. If the server cannot be reached, it tries again for
   * ten seconds, unless its counter is being closed. After a failure it can be called again.
   *
   * @throws What {@linkcode CoalescedCounter.flush} throws; `pending` is then not on the server.
   */
  close(): Promise<void>;
}

/**
 * Checks options, and fills in the defaults.
 *
 * @param what What is tried, to follow "Cannot".
 * @throws {TypeError} If an option is of a wrong type.
 * @throws {RangeError} If it is out of bounds.
 */
export function collectorSettingsOf(what: string, options: CoalescedOptions): CollectorSettings {
  checkOptions(what, options);
  const { flushEvery = FLUSH_MS, onError } = options;
  checkNumber(what, "flushEvery", flushEvery, 0, LONGEST_TIMER_MS);
  if (onError !== undefined && typeof onError !== "function") {
    throw new TypeError(`Cannot ${what}: onError must be a function, not ${nameOf(onError)}`);
  }
  return { flushEvery, onError };
}

/** Tells the program an error. The adds must go on, whatever its function does. */
export async function report(
  { onError }: CollectorSettings,
  error: unknown,
  pending: number,
): Promise<void> {
  try {
    await onError?.(error, pending);
  } catch {
    // There is nothing else to tell it to.
  }
}

/** The class behind {@linkcode CoalescedCounter}. */
export class Collector implements CoalescedCounter {
  readonly #counter: CollectorLink;
  readonly #settings: CollectorSettings;
  /** The sum of the adds that were never sent. */
  #collected = 0;
  /** The parcel that was sent, at least as a try, and is not known to count; 0 if there is none. */
  #parcel = 0;
  /** The number of the last parcel. */
  #parcels = 0;
  #sending: Promise<number> | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  /** Collects adds for `counter`. */
  constructor(counter: CollectorLink, settings: CollectorSettings) {
    this.#counter = counter;
    this.#settings = settings;
  }

  get pending(): number {
    return this.#collected + this.#parcel;
  }

  add(n = 1): void {
    if (!Number.isSafeInteger(n)) checkWhole(n);
    const sum = this.#collected + n;
    // A refused parcel is put back to the others, so their sum must be exact too.
    if (!Number.isSafeInteger(sum) || !Number.isSafeInteger(sum + this.#parcel)) {
      throw new RangeError(`Cannot collect ${n} more: the sum would be beyond 2^53`);
    }
    if (this.#timer === undefined) this.#startTimer();
    this.#collected = sum;
  }

  async get(): Promise<number> {
    this.#counter.checkOpen();
    while (this.#sending !== undefined) await this.#sending.catch(() => {});
    const { pending } = this; // What is sent from now on reaches the server after the question.
    const sum = await this.#counter.get() + pending;
    if (Number.isSafeInteger(sum)) return sum;
    throw new RangeError("Cannot read the sum exactly: it is beyond 2^53");
  }

  async flush(): Promise<number> {
    this.#counter.checkOpen();
    return await this.#flush(0);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#stopTimer(); // An add looks for the close only if no timer runs.
    while (this.#hasAdds) await this.#flush(CLOSE_MS);
    this.#counter.closed();
    if (this.#parcels === 0) return;
    this.#parcels = 0;
    await this.#counter.forget().catch(() => {}); // The server forgets them later by itself.
  }

  [asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Whether there is something to send; the sum may be 0. */
  get #hasAdds(): boolean {
    return this.#collected !== 0 || this.#parcel !== 0;
  }

  #flush(retryFor: number): Promise<number> {
    this.#stopTimer();
    const sending = this.#sending;
    // What was collected since then is sent after it.
    const next = sending === undefined
      ? this.#send(retryFor)
      : sending.then(() => this.#send(retryFor), () => this.#send(retryFor));
    const sent: Promise<number> = next.finally(() => {
      if (this.#sending !== sent) return;
      this.#sending = undefined;
      // It failed: without a timer, nothing would be sent until the next add.
      if (this.#hasAdds && !this.#closed && this.#timer === undefined) this.#startTimer();
    });
    sent.catch(() => {}); // The caller of flush is told.
    return this.#sending = sent;
  }

  #startTimer(): void {
    if (this.#closed) throw new TypeError("Cannot collect an add: it was closed");
    this.#timer = setTimeout(() => {
      this.flush().catch((error) => report(this.#settings, error, this.pending));
    }, this.#settings.flushEvery);
  }

  #stopTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Sends the parcel that may not count yet, then the adds collected up to now. */
  async #send(retryFor: number): Promise<number> {
    let value: number | undefined;
    if (this.#parcel !== 0) {
      try {
        value = await this.#deliver(retryFor);
      } catch (error) {
        if (this.#parcel !== 0) throw error; // Else it is among the collected adds again.
      }
    }
    if (this.#collected !== 0) {
      this.#parcel = this.#collected;
      this.#collected = 0;
      this.#parcels++;
      value = await this.#deliver(retryFor);
    }
    return value ?? await this.#counter.get();
  }

  async #deliver(retryFor: number): Promise<number> {
    const n = this.#parcel;
    try {
      const value = await this.#counter.send(n, this.#parcels, retryFor);
      this.#parcel = 0;
      return value;
    } catch (error) {
      // The server has not counted it, nor will it count an old copy.
      if (error instanceof RangeError) {
        this.#parcel = 0;
        this.#collected += n;
      }
      throw error;
    }
  }
}

// A program cannot construct one by the constructor of one that it has.
Reflect.deleteProperty(Collector.prototype, "constructor");
