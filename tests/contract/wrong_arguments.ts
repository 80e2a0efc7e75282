import type { Acquirable, AcquireOptions } from "../../src/contract/mod.ts";

/** Options that no method takes: a `TypeError`. */
export const WRONG_OPTIONS = [null, 5, "100", true, 1n, () => {}, Symbol("1")] as unknown[] as (
  AcquireOptions
)[];

/** Timeouts of a wrong type: a `TypeError`. */
export const WRONG_TIMEOUT_TYPES = [null, "1", true, 1n, {}, [1], Symbol("1")] as unknown[] as (
  number
)[];

/** Timeouts that are numbers, but none of milliseconds to wait: a `RangeError`. */
export const WRONG_TIMEOUT_RANGES: readonly number[] = [-Number.MIN_VALUE, -1, -Infinity, NaN];

/** Signals that are none: a `TypeError`. */
export const WRONG_SIGNALS = [
  null,
  5,
  "abort",
  {},
  [],
  () => {},
  new AbortController(),
  { aborted: false, throwIfAborted() {}, addEventListener() {} },
] as unknown[] as AbortSignal[];

/** Locks that are none, for `withLock` and `locked`: a `TypeError`. */
export const WRONG_LOCKS = [undefined, null, 5, "lock", {}, { acquire: 5 }] as unknown[] as (
  Acquirable
)[];

/** Bodies that are no functions, for `runSync`, `withLock` and `locked`: a `TypeError`. */
export const WRONG_FUNCTIONS: readonly unknown[] = [undefined, null, 5, "body", {}, []];
