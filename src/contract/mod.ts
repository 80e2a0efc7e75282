/**
 * The vocabulary that every medium speaks: lock, guard, owner, counter, options and errors.
 *
 * @module
 */
export type { AsyncCounter, AsyncExchangeCounter } from "./async_counter.ts";
export type { AsyncGuard, AsyncSharableGuard } from "./async_guard.ts";
export type { AsyncLock } from "./async_lock.ts";
export type { Counter } from "./counter.ts";
export { elect, type Electable, type ElectOptions, type Leadership } from "./elect.ts";
export {
  BrokenBarrierError,
  ChannelClosedError,
  DeadlockError,
  LockLostError,
  OwnerDiedError,
  SegmentFormatError,
  StaleSegmentError,
  UnsupportedError,
} from "./errors.ts";
export type { ExchangeCounter } from "./exchange_counter.ts";
export type { FileAccessOptions } from "./file_access.ts";
export type { Guard, SharableGuard } from "./guard.ts";
export type { Lock, RawLock } from "./lock.ts";
export type { AcquireOptions } from "./options.ts";
export type { Owner } from "./owner.ts";
export type { PathLike } from "./path_like.ts";
export type {
  PlatformAbortSignal,
  PlatformAsyncDisposable,
  PlatformDisposable,
  PlatformURL,
  PlatformWasmMemory,
} from "./platform.ts";
export { type Acquirable, locked, type LockedDecorator, withLock } from "./with_lock.ts";
