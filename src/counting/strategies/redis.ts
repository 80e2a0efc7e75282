import process from "node:process";
import { RedisCounter } from "../../redis/counter/redis_counter.ts";
import { RedisLock } from "../../redis/lock/redis_lock.ts";
import { COMMAND_TIMEOUT_MS, keyOf, REDIS_VARIABLE } from "../redis_cells.ts";
import type { Counting, CountingContext } from "./strategy.ts";

const OPTIONS = { commandTimeout: COMMAND_TIMEOUT_MS };

function cellOf({ redis, offset }: CountingContext): readonly [url: string, key: string] {
  const url = process.env[REDIS_VARIABLE];
  if (url === undefined || redis === undefined) {
    throw new Error("Cannot count on Redis: the worker got no server address");
  }
  return [url, keyOf(redis, offset)];
}

function counterOf(context: CountingContext): RedisCounter {
  return new RedisCounter(...cellOf(context), OPTIONS);
}

/** A number on a server; each increment is one command whose answer is awaited. */
export function redis(context: CountingContext): Counting {
  const counter = counterOf(context);
  return {
    async count(times) {
      for (let i = 0; i < times; i++) await counter.add();
    },
    read: () => counter.get(),
  };
}

/** The same with a get and a set, without a lock. */
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
  const lock = new RedisLock(...cellOf(context), OPTIONS);
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

/** Increments that the worker collects and sends together. */
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
