import {
  type IoredisClient,
  RedisCounter,
  RedisLock,
  RedisSemaphore,
} from "../../src/redis/mod.ts";
import { launch, launched } from "../launch.ts";
import { type BenchContext, byTasks, claim, on, type Program, type Subject } from "./subject.ts";

interface Redlock {
  lock(resource: string, ttl: number): Promise<{ unlock(): Promise<void> }>;
}

interface NpmMutex {
  acquire(): Promise<void>;
  release(): Promise<void>;
}

const PIPELINE = { clients: 4, batches: 20 } as const;
/** The numbers of adds of a client that are in flight at once. */
const DEPTHS = [["counter add, pipelined", 16], ["counter add, pipelined 64 deep", 64]] as const;
/** The number of tasks that share a client. */
const TASKS = 64;
const LOCK = "lock: acquire, release";
const STORED = "stored";
const OVER_IOREDIS = "lock over ioredis: acquire, release";
const EARLY = "lock: acquire, early release";
const EARLY_OVER_IOREDIS = "lock over ioredis: acquire, early release";
const COLLECTED = 100_000;
const LEASE_MS = 10_000;
const CALLS = 200_000;

async function newCounter({ redis }: Pick<BenchContext, "redis">): Promise<RedisCounter> {
  const counter = new RedisCounter(redis, "count");
  await counter.add();
  return counter;
}

function ioredis({ redis, load }: BenchContext): IoredisClient {
  const { Redis } = load("ioredis") as { Redis: new (url: string) => IoredisClient };
  return new Redis(redis);
}

const bare = on(["redis"], async ({ redis }) => {
  const { createClient } = await import("redis");
  return await createClient({ url: redis }).connect();
});
const counter = on(["redis"], newCounter);
const stored = on(["redis"], ({ storingRedis: redis }) => newCounter({ redis }));
const counters = on(
  ["redis"],
  (context) => Promise.all(Array.from({ length: PIPELINE.clients }, () => newCounter(context))),
);
const lock = on(["redis"], ({ redis }) => new RedisLock(redis, "lock"));
const handedOn = on(
  ["redis"],
  ({ redis }) => new RedisLock(redis, "handed-on", { localHandOff: true }),
);
const storedLock = on(["redis"], ({ storingRedis }) => new RedisLock(storingRedis, "lock"));
const storedHandedOn = on(
  ["redis"],
  ({ storingRedis }) => new RedisLock(storingRedis, "handed-on", { localHandOff: true }),
);
const lockOverIoredis = on(
  ["redis"],
  (context) => new RedisLock(ioredis(context), "ioredis-lock"),
);
const semaphore = on(["redis"], ({ redis }) => new RedisSemaphore(redis, "permits", 4));
const redlock = on(["redis"], (context) => {
  const Redlock = context.load("redlock") as new (clients: object[]) => Redlock;
  return new Redlock([ioredis(context)]);
});
const npmMutex = on(["redis"], (context) => {
  const { Mutex } = context.load("redis-semaphore") as {
    Mutex: new (client: object, key: string) => NpmMutex;
  };
  return new Mutex(ioredis(context), "semaphore");
});

const pair = (lock: RedisLock | RedisSemaphore) => async () =>
  await (await lock.acquire()).release();

/** The release is on its way when the lock is acquired again. */
const early = (lock: RedisLock) => async () =>
  await (await lock.acquire()).release({ early: true });

const byAll = (one: () => Promise<unknown>) => () =>
  Promise.all(Array.from({ length: TASKS }, one));
const addByAll = (counter: RedisCounter) => byAll(() => counter.add());
const holdByAll = (lock: RedisLock) => byAll(pair(lock));

/** Like redis-benchmark: makes `depth` adds at once, and the next ones after all answers. */
async function addInBatches(counter: RedisCounter, depth: number): Promise<void> {
  for (let i = 0; i < PIPELINE.batches; i++) {
    await Promise.all(Array.from({ length: depth }, () => counter.add()));
  }
}

/** INCR by redis-benchmark, with the same numbers of clients and of adds in flight. */
async function redisBenchmark(url: string, depth: number): Promise<number> {
  const out = await launch([
    ...["redis-benchmark", "-p", new URL(url).port, "-t", "incr", "--csv"],
    ...["-c", `${PIPELINE.clients}`, "-P", `${depth}`, "-n", `${CALLS}`],
  ]);
  const [, perSecond] = /"INCR","([\d.]+)"/.exec(out) ?? [];
  if (perSecond === undefined) throw new Error(`Cannot read the output of redis-benchmark: ${out}`);
  return 1e9 / Number(perSecond);
}

/** Counters and locks on a Redis server on this machine. */
export const subject: Subject = {
  name: "redis",
  operations: [
    counter("counter add", (counter) => () => counter.add()),
    bare("counter add", (client) => () => client.incrBy("bare", 1), { by: "node-redis" }),
    // What advice needs: the tasks of a process, and a server that survives a power loss.
    counter(`counter add, by ${TASKS} tasks`, addByAll, { per: TASKS }),
    stored(`counter add, ${STORED}`, (counter) => () => counter.add()),
    stored(`counter add, ${STORED}, by ${TASKS} tasks`, addByAll, { per: TASKS }),
    handedOn(`lock: by ${TASKS} tasks, handed on`, holdByAll, { per: TASKS }),
    storedLock(`${LOCK}, ${STORED}`, pair),
    storedHandedOn(`lock: by ${TASKS} tasks, handed on, ${STORED}`, holdByAll, { per: TASKS }),
    ...DEPTHS.map(([name, depth]) =>
      counters(
        name,
        (counters) => () => Promise.all(counters.map((counter) => addInBatches(counter, depth))),
        { per: PIPELINE.clients * PIPELINE.batches * depth },
      )
    ),
    counter("counter add, coalesced", (counter) => {
      const collected = counter.coalesced();
      return () => {
        for (let i = 0; i < COLLECTED; i++) collected.add();
        return collected.flush();
      };
    }, { per: COLLECTED }),
    lock(LOCK, pair),
    lock(EARLY, early),
    lockOverIoredis(OVER_IOREDIS, pair),
    lockOverIoredis(EARLY_OVER_IOREDIS, early),
    semaphore("semaphore: acquire, release", pair),
    bare(LOCK, (client) => async () => {
      await client.set("bare-lock", "me", { NX: true, PX: LEASE_MS });
      await client.del("bare-lock");
    }, { by: "node-redis" }),
    redlock(LOCK, (redlock) => async () => {
      await (await redlock.lock("redlock", LEASE_MS)).unlock();
    }, { by: "redlock" }),
    npmMutex(LOCK, (mutex) => async () => {
      await mutex.acquire();
      await mutex.release();
    }, { by: "redis-semaphore" }),
    {
      name: "lock: hand-off",
      media: ["redis"],
      relay: ({ redis, folder }) => ({ ...byTasks(new RedisLock(redis, folder)), yields: true }),
    },
  ],
  programs: DEPTHS.map(([name, depth]): Program => ({
    name,
    by: "redis-benchmark",
    medium: "redis",
    ...launched(700, ({ site }) => redisBenchmark(site.redis!, depth)),
  })),
  goals: [
    claim("RedisCounter.add, awaited, costs at most 1.2 times node-redis's INCRBY")
      .about({ operation: "counter add" }).costs(1.2, { by: "node-redis" }),
    ...DEPTHS.map(([operation, depth]) =>
      claim(`Adds of 4 clients, ${depth} deep, reach at least 0.8 times redis-benchmark's INCR`)
        .about({ operation }).isFaster(0.8, { by: "redis-benchmark" })
    ),
    claim("A coalesced add takes at most 200 ns: 5,000,000 per second")
      .about({ operation: "counter add, coalesced" }).takes(200),
    claim("RedisLock's acquire and release cost at most 1.2 times two bare round trips")
      .about({ operation: LOCK }).costs(1.2, { by: "node-redis" }),
    // The rivals use ioredis too.
    ...["redlock", "redis-semaphore"].flatMap((by) => [
      claim(`RedisLock's acquire and release are at least 1.3 times faster than ${by}'s`)
        .about({ operation: OVER_IOREDIS }).isFaster(1.3, { by, operation: LOCK }),
      claim(`RedisLock's acquire and early release are at least 1.6 times faster than ${by}'s`)
        .about({ operation: EARLY_OVER_IOREDIS }).isFaster(1.6, { by, operation: LOCK }),
    ]),
    claim("A RedisLock is handed to a waiter in at most 2.2 bare round trips")
      .about({ operation: "lock: hand-off" })
      .costs(2.2, { by: "node-redis", operation: "counter add", setting: "alone", count: 1 }),
  ],
};
