/**
 * The vocabulary that every medium speaks: lock, guard, owner, counter, options and errors.
 *
 * @module
 */
export type { AsyncCounter, AsyncExchangeCounter } from "./async_counter.ts";
export type { AsyncGuard, AsyncLock } from "./async_lock.ts";
export type { Counter } from "./counter.ts";
export {
  DeadlockError,
  LockLostError,
  OwnerDiedError,
  SegmentFormatError,
  UnsupportedError,
} from "./errors.ts";
export type { ExchangeCounter } from "./exchange_counter.ts";
export { Guard, HOLD, type HoldState, type Releasable, RELEASE } from "./guard.ts";
export type { BareLock, Lock } from "./lock.ts";
export type { AcquireOptions } from "./options.ts";
export type { Owner } from "./owner.ts";
export { type Acquirable, locked, type LockedDecorator, withLock } from "./with_lock.ts";
