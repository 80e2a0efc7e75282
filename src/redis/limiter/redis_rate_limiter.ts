import { Deadline } from "../../contract/deadline.ts";
import { asyncDispose, type PlatformAsyncDisposable } from "../../contract/platform.ts";
import { connectionOf, type ConnectionOptions, type RedisSource } from "../client/adapter_of.ts";
import type { Connection } from "../client/connection.ts";
import { explained } from "../client/errors.ts";
import { InFlight } from "../client/in_flight.ts";
import { partOf } from "../client/names.ts";
import { Script } from "../client/script.ts";
import { Sleeper } from "../lease/sleeper.ts";
import {
  type AcquireRateOptions,
  limitsOf,
  type RateDecision,
  type RateLimiterOptions,
  type TryAcquireRateOptions,
  wantedIn,
} from "./limiter_options.ts";
import { RETURN_RATE, TAKE_RATE } from "./limiter_scripts.ts";

const take = new Script(TAKE_RATE);
const giveBack = new Script(RETURN_RATE);

/** How long after the deadline to wait for an answer, in milliseconds. */
const ANSWER_MS = 1000;

/** What a server decided, in milliseconds, and the time of the grant for {@linkcode RETURN_RATE}. */
interface Grant extends RateDecision {
  readonly request: Request;
  readonly at: string;
}

/** Keys and arguments of both scripts. */
interface Request {
  readonly keys: readonly string[];
  readonly args: readonly string[];
}

/**
 * A rate limiter on a Redis or Valkey server: limits how often something happens, over any number of
 * machines, by the clock of the server. It is a sliding window, never too short and at most 0.1 %
 * too long, or, with `burst`, a token bucket. Each request is one round trip.
 *
 * `acquire` reserves its permits at once and then waits for its turn, so waiters are served in the
 * order they came, and one that wants many permits is not starved. If a waiter gives up, its permits
 * come back; if it dies, they are lost. More permits may be granted if the server loses its data
 * (also at a failover), evicts keys, or has its clock set forward; a clock that is set back changes
 * nothing.
 *
 * All users of a name should give the same options. Each request is decided by the
 * options of its sender, so they can be changed at any time.
 *
 * @example
 * ```ts
 * import { RedisRateLimiter } from "@interlock/interlock/redis";
 *
 * await using calls = new RedisRateLimiter("redis://127.0.0.1:6379", "calls", {
 *   limit: 100,
 *   interval: 1000,
 * });
 * await calls.acquire({ timeout: 5000 }); // Waits for its turn.
 *
 * const { granted, retryAfter } = await calls.tryAcquire({ key: "user 42" });
 * if (!granted) console.log("too many requests, come back after", retryAfter, "ms");
 * ```
 */
export class RedisRateLimiter implements PlatformAsyncDisposable {
  /** The name: for all clients of a server, the same name is the same limiter. */
  readonly name: string;
  /** How many permits there are for each interval. */
  readonly limit: number;
  /** The interval, in milliseconds. */
  readonly interval: number;
  /** How many permits can be saved up; `undefined` for a sliding window. */
  readonly burst: number | undefined;

  readonly #limits: Readonly<RateLimiterOptions>;
  readonly #what: string;
  readonly #connection: Connection;
  readonly #inFlight = new InFlight();
  readonly #sleepers = new Set<Sleeper>();
  #closed: Promise<void> | undefined;

  /**
   * A rate limiter of a server. Sends nothing before it is used.
   *
   * @throws {MisconfiguredError} If the source is no client and no address.
   * @throws {TypeError} If the name or an option cannot be used.
   * @throws {RangeError} If an option is out of bounds.
   */
  constructor(source: RedisSource, name: string, options: RateLimiterOptions & ConnectionOptions) {
    const limits = this.#limits = limitsOf(options);
    this.limit = limits.limit;
    this.interval = limits.interval;
    this.burst = limits.burst;
    keysOf(name, undefined); // It checks the name.
    this.name = name;
    this.#what = `the rate limiter "${name}"`;
    this.#connection = connectionOf(source, options);
  }

  /**
   * Acquires permits if they are free and no client waits for permits, and says when to come back if
   * they are not. Never waits.
   *
   * @throws {RangeError} If there will never be so many permits.
   * @throws {UnreachableError} If the server did not answer.
   * @throws {RefusedError} If the server cannot do it now.
   * @throws {MisconfiguredError} If it can never work.
   */
  async tryAcquire(options?: TryAcquireRateOptions): Promise<RateDecision> {
    const request = this.#request(options);
    const { granted, retryAfter, remaining } = await this.#inFlight.track(this.#take(request, 0));
    return { granted, retryAfter: granted ? 0 : retryAfter, remaining };
  }

  /**
   * Waits for permits, in the order of all clients. With a timeout, it rejects at once if they will
   * not be free in time. A wait keeps the process alive.
   *
   * @throws {DOMException} Named `TimeoutError`, if they are not free in time.
   * @throws {RangeError} If there will never be so many permits.
   * @throws {UnreachableError} If the server did not answer. It may have taken the permits.
   * @throws {RefusedError} If the server cannot do it now.
   * @throws {MisconfiguredError} If it can never work.
   */
  async acquire(options?: AcquireRateOptions): Promise<void> {
    let why = "the server has not answered";
    const deadline = new Deadline(
      options,
      () => `Cannot acquire ${this.#what} in time: ${why}`,
      `acquire ${this.#what}`,
    );
    const request = this.#request(options);
    const wait = async () => {
      const asked = this.#take(request, Math.max(0, deadline.left));
      let isGranted = false;
      try {
        const { granted, retryAfter } = await deadline.wait(asked, ANSWER_MS);
        why = `the permits are free in ${Math.ceil(retryAfter)} ms`;
        if (!granted) throw deadline.timeout();
        if (retryAfter > 0) await this.#sleep(retryAfter, deadline);
        isGranted = true;
      } finally {
        if (!isGranted) this.#inFlight.track(this.#return(asked)).catch(() => {});
      }
    };
    await this.#inFlight.track(wait());
  }

  /** Ends the waits, waits for the answers under way, and closes the connection it has opened. */
  close(): Promise<void> {
    return this.#closed ??= this.#close();
  }

  /** The same as {@linkcode close}. */
  [asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    try {
      for (const sleeper of this.#sleepers) sleeper.wake(); // They see that it is closed.
      this.#connection.stopWaiting();
      await this.#inFlight.idle();
    } finally {
      await this.#connection.close();
    }
  }

  #checkOpen(): void {
    if (this.#closed !== undefined) throw new TypeError(`Cannot use ${this.#what}: it was closed`);
  }

  #request(options: TryAcquireRateOptions | undefined): Request {
    const { permits, key } = wantedIn(this.name, this.#limits, options);
    this.#checkOpen();
    const { limit, interval, burst } = this.#limits;
    const numbers = [permits, limit, Math.round(interval * 1000), burst ?? ""];
    return { keys: keysOf(this.name, key), args: numbers.map(String) };
  }

  /** Takes or reserves permits, if they are free within `patience` milliseconds. */
  async #take(request: Request, patience: number): Promise<Grant> {
    const { keys, args } = request;
    const most = patience === Infinity ? "" : `${Math.floor(patience * 1000)}`;
    const run = take.run(this.#connection, keys, [...args, most]);
    const reply = await explained(`acquire ${this.#what}`, run);
    const [granted, wait, remaining, at] = reply as number[];
    return { granted: granted === 1, retryAfter: wait / 1000, remaining, request, at: `${at}` };
  }

  /** Gives back what was asked for, once it is granted. */
  async #return(asked: Promise<Grant>): Promise<void> {
    const { granted, request: { keys, args }, at } = await asked;
    if (granted) await giveBack.run(this.#connection, keys, [...args, at]);
  }

  async #sleep(ms: number, deadline: Deadline): Promise<void> {
    const end = performance.now() + ms;
    const sleeper = new Sleeper();
    this.#sleepers.add(sleeper);
    try {
      for (let left = ms; left > 0; left = end - performance.now()) {
        this.#checkOpen();
        await deadline.wait(sleeper.sleep(left));
      }
    } finally {
      this.#sleepers.delete(sleeper);
      sleeper.wake(); // Its timer would keep the process alive.
    }
  }
}

/** The keys of a limiter. Those of different names and keys of users are different. */
function keysOf(name: string, key: string | undefined): string[] {
  const [tag, part] = key === undefined
    ? [name, "rate"]
    : [`${name.length}:${name}:${key}`, "rate-of"];
  return [partOf(tag, part), partOf(tag, `${part}-log`)];
}
