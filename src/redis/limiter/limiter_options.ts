import { type AcquireOptions, nameOf } from "../../contract/options.ts";
import { checkNumber, checkOptions } from "../client/arguments.ts";

/** Options for a rate limiter. */
export interface RateLimiterOptions {
  /** How many permits there are for each interval: from 1 to 1,000,000. */
  limit: number;
  /** The interval in milliseconds: from 1 to those of 366 days. */
  interval: number;
  /**
   * How many permits can be saved up: from 1 to 1,000,000. With it, the limiter is a token bucket:
   * it is full at first, and gets `limit` permits for each interval, evenly spread. With `burst: 1`,
   * grants are evenly spaced. Without it, the limiter is a sliding window: in no interval, whenever it
   * begins, does it grant more than `limit` permits.
   */
  burst?: number;
}

/** Options for a rate limiter's `tryAcquire`. */
export interface TryAcquireRateOptions {
  /**
   * How many permits, from 1 to the limit (or the burst). All of them are granted at the same time.
   *
   * @default {1}
   */
  permits?: number;
  /**
   * Whose permits: a user, an address, a route. Each key is limited by itself. Without it, there is
   * one limit for all.
   */
  key?: string;
}

/** Options for a rate limiter's `acquire`. */
export interface AcquireRateOptions extends AcquireOptions, TryAcquireRateOptions {}

/** The answer of a rate limiter's `tryAcquire`. */
export interface RateDecision {
  /** Whether the permits were granted. */
  readonly granted: boolean;
  /** After how many milliseconds they can be granted; `0` if they were. */
  readonly retryAfter: number;
  /** How many more permits are free at this moment. */
  readonly remaining: number;
}

/** The most permits. */
const MOST = 1_000_000;
const LONGEST_MS = 366 * 24 * 60 * 60 * 1000;
const WHAT = "create a rate limiter";

/**
 * Checks the options of a limiter, and returns them.
 *
 * @throws {TypeError} If one is of a wrong type.
 * @throws {RangeError} If one is out of bounds.
 */
export function limitsOf(options: RateLimiterOptions): Readonly<RateLimiterOptions> {
  if (options === undefined) {
    throw new TypeError(`Cannot ${WHAT}: limit and interval are missing`);
  }
  checkOptions(WHAT, options);
  const { limit, interval, burst } = options;
  checkCount(WHAT, "limit", limit, MOST);
  checkNumber(WHAT, "interval", interval, 1, LONGEST_MS);
  if (burst !== undefined) checkCount(WHAT, "burst", burst, MOST);
  return { limit, interval, ...burst !== undefined && { burst } };
}

/**
 * Checks how many permits of how many are wanted, and of which key.
 *
 * @throws {TypeError} If the number is no whole number, or the key no string.
 * @throws {RangeError} If there will never be so many.
 */
export function wantedIn(
  name: string,
  { limit, burst }: RateLimiterOptions,
  options: TryAcquireRateOptions | undefined,
): { permits: number; key: string | undefined } {
  const what = `acquire permits of "${name}"`;
  checkOptions(what, options);
  const { permits = 1, key } = options ?? {};
  if (key !== undefined && typeof key !== "string") {
    throw new TypeError(`Cannot ${what}: key must be a string, not ${nameOf(key)}`);
  }
  checkCount(what, "permits", permits, Infinity);
  const most = burst ?? limit;
  if (permits <= most) return { permits, key };
  const which = burst === undefined ? "limit" : "burst";
  throw new RangeError(
    `Cannot acquire ${permits} permits of "${name}": its ${which} is ${most}. Ask for fewer at a ` +
      "time",
  );
}

function checkCount(what: string, name: string, value: unknown, most: number): void {
  if (typeof value !== "number" || !Number.isInteger(value)) {
    throw new TypeError(`Cannot ${what}: ${name} must be a whole number, not ${nameOf(value)}`);
  }
  if (value >= 1 && value <= most) return;
  const range = most === Infinity ? "1 or more" : `from 1 to ${most}`;
  throw new RangeError(`Cannot ${what}: ${name} must be ${range} (given ${value})`);
}
