import type { ConnectionOptions } from "./adapter_of.ts";

/** How a `RedisCounter` is to be. */
export interface RedisCounterOptions extends ConnectionOptions {
  /**
   * The least it may become; what would be less is a `RangeError`, and the value stays. Every
   * program must be told the same: the server does not keep it.
   *
   * @default {-(2 ** 53 - 1)}
   */
  min?: number;
  /**
   * The most it may become.
   *
   * @default {2 ** 53 - 1}
   */
  max?: number;
  /**
   * Milliseconds after its first touch when the counter is gone, and begins again at 0. Set in the
   * same step as the value, so that no counter ever stays for good.
   *
   * @default {undefined}
   */
  expireAfter?: number;
  /**
   * How long the server remembers an operation by its identity, in milliseconds.
   *
   * @default {600_000}
   */
  rememberFor?: number;
  /**
   * What stands before the keys in which operations are remembered.
   *
   * @default {"interlock"}
   */
  prefix?: string;
}

/** How one add is to be. */
export interface AddOptions {
  /**
   * What this add is called, such as a UUID: an add that comes again under the same name counts
   * once. It is then tried again by itself where the connection is lost.
   */
  operation?: string;
  /**
   * How long to try again where the server cannot be reached, in milliseconds.
   *
   * @default {10_000}
   */
  retryFor?: number;
}

/** What a counter was told, checked, with the defaults. */
export interface CounterSettings {
  readonly min: number;
  readonly max: number;
  /** As the scripts want it: empty for none. */
  readonly life: string;
  readonly memory: string;
  readonly prefix: string | undefined;
}

const REMEMBER_MS = 600_000;

/**
 * @throws {TypeError} If one is not of its kind.
 * @throws {RangeError} If one is outside of what it may be.
 */
export function settingsOf(options: RedisCounterOptions): CounterSettings {
  const {
    min = Number.MIN_SAFE_INTEGER,
    max = Number.MAX_SAFE_INTEGER,
    expireAfter,
    rememberFor = REMEMBER_MS,
    prefix,
  } = options;
  if (checkWhole(min) > checkWhole(max)) {
    throw new RangeError(`Cannot make a counter: min ${min} is more than max ${max}`);
  }
  return {
    min,
    max,
    life: expireAfter === undefined ? "" : milliseconds("expireAfter", expireAfter),
    memory: milliseconds("rememberFor", rememberFor),
    prefix,
  };
}

function milliseconds(name: string, ms: number): string {
  if (Number.isSafeInteger(ms) && ms > 0) return `${ms}`;
  throw new RangeError(
    `Cannot make a counter: ${name} must be a whole number of milliseconds above 0: ${ms}`,
  );
}

/**
 * @returns `n`.
 * @throws {TypeError} If it is not a whole number.
 * @throws {RangeError} If it is beyond 2^53.
 */
export function checkWhole(n: number): number {
  if (Number.isSafeInteger(n)) return n;
  if (Number.isInteger(n)) throw new RangeError(`Cannot count with ${n}: it is beyond 2^53`);
  throw new TypeError(`Cannot count with ${String(n)}: not a whole number`);
}
