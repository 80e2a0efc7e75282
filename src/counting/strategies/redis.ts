import process from "node:process";
import { RedisCounter } from "../../redis/redis_counter.ts";
import { RedisLock } from "../../redis/redis_lock.ts";
import { keyOf, PATIENCE_MS, REDIS_VARIABLE } from "../redis_cells.ts";
import type { Counting, CountingContext } from "./strategy.ts";

const OPTIONS = { commandTimeout: PATIENCE_MS };

function placeOf({ redis, offset }: CountingContext): readonly [url: string, key: string] {
  const url = process.env[REDIS_VARIABLE];
  if (url === undefined || redis === undefined) throw new Error("A worker was told of no server");
  return [url, keyOf(redis, offset)];
}

function counterOf(context: CountingContext): RedisCounter {
  return new RedisCounter(...placeOf(context), OPTIONS);
}

/** A number on a server, one command an increment, its answer awaited. */
export function redis(context: CountingContext): Counting {
  const counter = counterOf(context);
  return {
    async count(times) {
      for (let i = 0; i < times; i++) await counter.add();
    },
    read: () => counter.get(),
  };
}

/** The same by a get and a set, no lock. */
export function redisGetSet(context: CountingContext): Counting {
  const counter = counterOf(context);
  return {
    async count(times) {
      for (let i = 0; i < times; i++) await counter.set(await counter.get() + 1);
    },
    read: () => counter.get(),
  };
}

/** The same get and set under a lock on the server. */
export function redisLock(context: CountingContext): Counting {
  const counter = counterOf(context);
  const lock = new RedisLock(...placeOf(context), OPTIONS);
  return {
    async count(times) {
      for (let i = 0; i < times; i++) {
        await using _guard = await lock.acquire();
        await counter.set(await counter.get() + 1);
      }
    },
    read: () => counter.get(),
  };
}

/** Increments that are collected in the worker and sent together. */
export function redisCoalesced(context: CountingContext): Counting {
  const counter = counterOf(context);
  return {
    async count(times) {
      await using collected = counter.coalesced();
      for (let i = 0; i < times; i++) collected.add();
    },
    read: () => counter.get(),
  };
}
