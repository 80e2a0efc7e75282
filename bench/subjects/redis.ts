import {
  type IoredisClient,
  RedisCounter,
  RedisLock,
  RedisSemaphore,
} from "../../src/redis/mod.ts";
import { launch } from "../launch.ts";
import type { BenchContext, Goal, Launch, Operation, Subject } from "./subject.ts";

interface BareClient {
  incrBy(key: string, n: number): Promise<number>;
  set(key: string, value: string, options: object): Promise<unknown>;
  del(key: string): Promise<number>;
}

interface Redlock {
  lock(resource: string, ttl: number): Promise<{ unlock(): Promise<void> }>;
}

interface Ioredis {
  readonly Redis: new (url: string) => object;
}

interface NpmSemaphore {
  readonly Mutex: new (client: object, key: string) => {
    acquire(): Promise<void>;
    release(): Promise<void>;
  };
}

const PIPELINE = { clients: 4, batches: 20 } as const;
/** The numbers of commands of a client that are in flight at once. */
const DEPTHS = [["counter add, pipelined", 16], ["counter add, pipelined 64 deep", 64]] as const;
const OVER_IOREDIS = "lock over ioredis: acquire, release";
const COLLECTED = 100_000;
const LEASE_MS = 10_000;
const CALLS = 200_000;

async function bareClient(url: string): Promise<BareClient> {
  const { createClient } = await import("redis");
  return await createClient({ url }).connect() as unknown as BareClient;
}

async function newCounter({ redis }: BenchContext): Promise<RedisCounter> {
  const counter = new RedisCounter(redis, "count");
  await counter.add();
  return counter;
}

/** Like redis-benchmark: sends `depth` commands at once, and the next ones after all answers. */
async function addInBatches(counter: RedisCounter, depth: number): Promise<void> {
  for (let i = 0; i < PIPELINE.batches; i++) {
    await Promise.all(Array.from({ length: depth }, () => counter.add()));
  }
}

function measuredAlone(
  name: string,
  by: string,
  alone: (context: BenchContext) => Promise<() => unknown>,
  per = 1,
): Operation {
  return { name, by, media: ["redis"], alone, per };
}

/** INCR by redis-benchmark, with the same numbers of clients and commands in flight. */
async function redisBenchmark(url: string, depth: number): Promise<number> {
  const { clients } = PIPELINE;
  const out = await launch(
    [
      ...["redis-benchmark", "-p", new URL(url).port, "-t", "incr", "--csv"],
      ...["-c", `${clients}`, "-P", `${depth}`, "-n", `${CALLS}`],
    ],
  );
  const [, perSecond] = /"INCR","([\d.]+)"/.exec(out) ?? [];
  if (perSecond === undefined) throw new Error(`Cannot read the output of redis-benchmark: ${out}`);
  return 1e9 / Number(perSecond);
}

/** Counters and locks on a Redis server on this machine. */
export const subject: Subject = {
  name: "redis",
  operations: [
    measuredAlone("counter add", "interlock", async (context) => {
      const counter = await newCounter(context);
      return () => counter.add();
    }),
    measuredAlone("counter add", "node-redis", async ({ redis }) => {
      const client = await bareClient(redis);
      return () => client.incrBy("bare", 1);
    }),
    ...DEPTHS.map(([name, depth]) =>
      measuredAlone(name, "interlock", async (context) => {
        const counters = await Promise.all(
          Array.from({ length: PIPELINE.clients }, () => newCounter(context)),
        );
        return () => Promise.all(counters.map((counter) => addInBatches(counter, depth)));
      }, PIPELINE.clients * PIPELINE.batches * depth)
    ),
    measuredAlone("counter add, coalesced", "interlock", async (context) => {
      const collected = (await newCounter(context)).coalesced();
      return () => {
        for (let i = 0; i < COLLECTED; i++) collected.add();
        return collected.flush();
      };
    }, COLLECTED),
    measuredAlone("lock: acquire, release", "interlock", ({ redis }) => {
      const lock = new RedisLock(redis, "lock");
      return Promise.resolve(async () => await (await lock.acquire()).release());
    }),
    measuredAlone(OVER_IOREDIS, "interlock", ({ redis, load }) => {
      const { Redis } = load("ioredis") as Ioredis;
      const lock = new RedisLock(new Redis(redis) as IoredisClient, "ioredis-lock");
      return Promise.resolve(async () => await (await lock.acquire()).release());
    }),
    measuredAlone("semaphore: acquire, release", "interlock", ({ redis }) => {
      const semaphore = new RedisSemaphore(redis, "permits", 4);
      return Promise.resolve(async () => await (await semaphore.acquire()).release());
    }),
    measuredAlone("lock: acquire, release", "node-redis", async ({ redis }) => {
      const client = await bareClient(redis);
      return async () => {
        await client.set("bare-lock", "me", { NX: true, PX: LEASE_MS });
        await client.del("bare-lock");
      };
    }),
    measuredAlone("lock: acquire, release", "redlock", ({ redis, load }) => {
      const { Redis } = load("ioredis") as Ioredis;
      const Redlock = load("redlock") as new (clients: object[]) => Redlock;
      const redlock = new Redlock([new Redis(redis)]);
      return Promise.resolve(async () => await (await redlock.lock("redlock", LEASE_MS)).unlock());
    }),
    measuredAlone("lock: acquire, release", "redis-semaphore", ({ redis, load }) => {
      const { Redis } = load("ioredis") as Ioredis;
      const { Mutex } = load("redis-semaphore") as NpmSemaphore;
      const mutex = new Mutex(new Redis(redis), "semaphore");
      return Promise.resolve(async () => {
        await mutex.acquire();
        await mutex.release();
      });
    }),
    {
      name: "lock: hand-over",
      media: ["redis"],
      relay: ({ redis, folder }) => {
        const lock = new RedisLock(redis, folder);
        let release = () => Promise.resolve();
        return {
          yields: true,
          async lock() {
            const guard = await lock.acquire();
            release = () => guard.release();
          },
          unlock: () => release(),
        };
      },
    },
  ],
  launches: [
    ...DEPTHS.map(([name, depth]): Launch => ({
      name,
      by: "redis-benchmark",
      medium: "redis",
      setting: "alone",
      count: 1,
      ms: 700,
      anyRuntime: true,
      measure: (_runtime, { redis }) => redisBenchmark(redis!, depth),
    })),
  ],
  goals: [
    {
      claim: "RedisCounter.add, awaited, costs at most 1.2 times node-redis's INCRBY",
      kind: "at most times",
      goal: 1.2,
      row: { operation: "counter add" },
      of: { by: "node-redis" },
    },
    ...DEPTHS.map(([operation, depth]): Goal => ({
      claim: `Adds of 4 clients, ${depth} deep, reach at least 0.8 times redis-benchmark's INCR`,
      kind: "at least times faster",
      goal: 0.8,
      row: { operation },
      of: { by: "redis-benchmark" },
    })),
    {
      claim: "A coalesced add takes at most 200 ns: 5,000,000 per second",
      kind: "at most ns",
      goal: 200,
      row: { operation: "counter add, coalesced" },
    },
    {
      claim: "RedisLock's acquire and release cost at most 1.2 times two bare round trips",
      kind: "at most times",
      goal: 1.2,
      row: { operation: "lock: acquire, release" },
      of: { by: "node-redis" },
    },
    ...["redlock", "redis-semaphore"].map((by): Goal => ({
      claim: `RedisLock's acquire and release are at least 1.5 times faster than ${by}'s`,
      kind: "at least times faster",
      goal: 1.5,
      row: { operation: OVER_IOREDIS }, // The rivals use ioredis too.
      of: { by, operation: "lock: acquire, release" },
    })),
    {
      claim: "A RedisLock is handed to a waiter in less than 3 bare round trips",
      kind: "at most times",
      goal: 3,
      row: { operation: "lock: hand-over" },
      of: { by: "node-redis", operation: "counter add", setting: "alone", count: 1 },
    },
  ],
};
