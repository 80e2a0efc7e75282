import { nameOf } from "../../contract/options.ts";
import type { ConnectionOptions } from "../client/adapter_of.ts";
import { checkOptions } from "../client/arguments.ts";
import { checkPrefix } from "../client/names.ts";

/** Options for `RedisCounter`. */
export interface RedisCounterOptions extends ConnectionOptions {
  /**
   * The least value; a change to less is a `RangeError`, and the value stays. All programs must use
   * the same: the server does not store it.
   *
   * @default {-(2 ** 53 - 1)}
   */
  min?: number;
  /**
   * The greatest value.
   *
   * @default {2 ** 53 - 1}
   */
  max?: number;
  /**
   * How many milliseconds after its first change the counter is removed, and begins again at 0. Set
   * in the same step as the value, so no counter stays forever.
   *
   * @default {undefined}
   */
  expireAfter?: number;
  /**
   * How long the server remembers an operation by its name, in milliseconds.
   *
   * @default {600_000}
   */
  rememberFor?: number;
  /**
   * The beginning of the keys in which operations are remembered.
   *
   * @default {"interlock"}
   */
  prefix?: string;
}

/** Options for one add. */
export interface AddOptions {
  /**
   * A unique name of this add, such as a UUID: an add that comes again with the same name counts
   * once. So it is tried again if the connection is lost.
   */
  operation?: string;
  /**
   * How long to try again if the server cannot be reached or is still loading, in milliseconds.
   * Only an add with an `operation` is tried again.
   *
   * @default {10_000}
   */
  retryFor?: number;
}

/** The options of a counter with their defaults, as the scripts need them. */
export interface CounterSettings {
  readonly min: number;
  readonly max: number;
  /** Milliseconds; empty if the counter does not expire. */
  readonly expireAfter: string;
  readonly rememberFor: string;
  readonly prefix: string | undefined;
}

const REMEMBER_MS = 600_000;

/**
 * Checks options, and fills in the defaults.
 *
 * @throws {TypeError} If an option is of a wrong type.
 * @throws {RangeError} If it is out of bounds.
 */
export function settingsOf(options: RedisCounterOptions): CounterSettings {
  checkOptions("create a counter", options);
  const {
    min = Number.MIN_SAFE_INTEGER,
    max = Number.MAX_SAFE_INTEGER,
    expireAfter,
    rememberFor = REMEMBER_MS,
    prefix,
  } = options;
  if (checkWhole(min) > checkWhole(max)) {
    throw new RangeError(`Cannot create a counter: min ${min} is greater than max ${max}`);
  }
  if (prefix !== undefined) checkPrefix(prefix);
  return {
    min,
    max,
    expireAfter: expireAfter === undefined ? "" : milliseconds("expireAfter", expireAfter),
    rememberFor: milliseconds("rememberFor", rememberFor),
    prefix,
  };
}

function milliseconds(name: string, ms: number): string {
  if (Number.isSafeInteger(ms) && ms > 0) return `${ms}`;
  const ErrorClass = typeof ms === "number" ? RangeError : TypeError;
  throw new ErrorClass(
    `Cannot create a counter: ${name} must be a whole number of milliseconds above 0, not ${
      nameOf(ms)
    }`,
  );
}

/**
 * Checks a whole number.
 *
 * @returns `n`.
 * @throws {TypeError} If it is not a whole number.
 * @throws {RangeError} If it is beyond 2^53.
 */
export function checkWhole(n: number): number {
  if (Number.isSafeInteger(n)) return n;
  if (Number.isInteger(n)) throw new RangeError(`Cannot count with ${n}: it is beyond 2^53`);
  throw new TypeError(`Cannot count with ${nameOf(n)}: not a whole number`);
}
