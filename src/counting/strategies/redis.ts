import process from "node:process";
import { RedisCounter } from "../../redis/redis_counter.ts";
import { keyOf, PATIENCE_MS, REDIS_VARIABLE } from "../redis_cells.ts";
import type { Counting, CountingContext } from "./strategy.ts";

function counterOf({ redis, offset }: CountingContext): RedisCounter {
  const url = process.env[REDIS_VARIABLE];
  if (url === undefined || redis === undefined) throw new Error("A worker was told of no server");
  return new RedisCounter(url, keyOf(redis, offset), { commandTimeout: PATIENCE_MS });
}

/** A number on a server, one command an increment, its answer awaited. */
export function redis(context: CountingContext): Counting {
  const counter = counterOf(context);
  return {
    async count(times) {
      for (let i = 0; i < times; i++) await counter.add();
    },
    read: () => counter.value(),
  };
}

/** The same by a get and a set, no lock. */
export function redisGetSet(context: CountingContext): Counting {
  const counter = counterOf(context);
  return {
    async count(times) {
      for (let i = 0; i < times; i++) await counter.set(await counter.value() + 1);
    },
    read: () => counter.value(),
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
    read: () => counter.value(),
  };
}
