/**
 * Locks and counters on a Redis or Valkey server, for programs on many machines.
 *
 * @module
 */
export type { RedisAdapter, Reply } from "./adapter.ts";
export { adapterOf, type ConnectionOptions, type RedisSource } from "./adapter_of.ts";
export type { BunRedisClient } from "./bun_client.ts";
export type { CoalescedCounter, CoalescedOptions } from "./coalesced_counter.ts";
export type { AddOptions, RedisCounterOptions } from "./counter_options.ts";
export { MisconfiguredError, RefusedError, UnreachableError } from "./errors.ts";
export type { IoredisClient } from "./ioredis.ts";
export type { NodeRedisClient } from "./node_redis.ts";
export type { RedisGuard, RedisSharableGuard } from "./redis_guard.ts";
export { RedisLock } from "./redis_lock.ts";
export type {
  LocalHandOffOptions,
  RedisAcquireOptions,
  RedisLockOptions,
  RedisTryAcquireOptions,
  ReplicaOptions,
} from "./redis_lock_options.ts";
export { RedisCounter } from "./redis_counter.ts";
export { Script, type WithoutScripts } from "./script.ts";
export {
  type AcquirePermitsOptions,
  RedisSemaphore,
  type RedisSemaphoreOptions,
  type TryAcquirePermitsOptions,
} from "./redis_semaphore.ts";
