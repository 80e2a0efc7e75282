/**
 * Locks, counters and rate limiters on a Redis or Valkey server, for programs on many machines.
 *
 * @module
 */
export type { RedisAdapter, Reply } from "./client/adapter.ts";
export { adapterOf, type ConnectionOptions, type RedisSource } from "./client/adapter_of.ts";
export type { BunRedisClient } from "./client/bun_client.ts";
export type { CoalescedCounter, CoalescedOptions } from "./counter/coalesced_counter.ts";
export type { AddOptions, RedisCounterOptions } from "./counter/counter_options.ts";
export { MisconfiguredError, RefusedError, UnreachableError } from "./client/errors.ts";
export type { IoredisClient } from "./client/ioredis.ts";
export type { NodeRedisClient } from "./client/node_redis.ts";
export type { RedisGuard, RedisReleaseOptions, RedisSharableGuard } from "./lease/redis_guard.ts";
export type {
  AcquireRateOptions,
  RateDecision,
  RateLimiterOptions,
  TryAcquireRateOptions,
} from "./limiter/limiter_options.ts";
export { RedisRateLimiter } from "./limiter/redis_rate_limiter.ts";
export { RedisLock } from "./lock/redis_lock.ts";
export type {
  LocalHandOffOptions,
  RedisAcquireOptions,
  RedisLockOptions,
  RedisTryAcquireOptions,
  ReplicaOptions,
} from "./lock/redis_lock_options.ts";
export { RedisCounter } from "./counter/redis_counter.ts";
export { Script, type WithoutScripts } from "./client/script.ts";
export {
  type AcquirePermitsOptions,
  RedisSemaphore,
  type RedisSemaphoreOptions,
  type TryAcquirePermitsOptions,
} from "./semaphore/redis_semaphore.ts";
