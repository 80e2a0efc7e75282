import { Cluster } from "ioredis";
import { Cluster as Cluster5 } from "ioredis5";
import { Cluster as Cluster4 } from "ioredis4";
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { createCluster } from "redis";
import { createCluster as createCluster5 } from "redis5";
import { adapterOf, type RedisAdapter, RedisLock, RedisSemaphore } from "../../../src/redis/mod.ts";
import { grantableWaiterOf, ServerLock } from "../../../src/redis/server_lock/server_lock.ts";
import { slotOf } from "../../../src/redis/client/slot.ts";
import { skip } from "../../support/redis_server.ts";
import { until } from "../../support/until.ts";
import type { TestClient } from "../clients.ts";
import { RedisCluster } from "../redis_cluster.ts";
import { waitingProcess } from "../redis_process.ts";

const DEADLINE = { timeout: 120_000 };
const LATE = { commandTimeout: 30_000 };
/** Nothing ends by itself. */
const OPTIONS = { leaseTime: 60_000, fair: true, ...LATE };

const byNodeRedis = (create: typeof createCluster) => async (port: number): Promise<TestClient> => {
  const source = create({ rootNodes: [{ url: `redis://127.0.0.1:${port}` }] });
  source.on("error", () => {});
  await source.connect();
  return { source, [Symbol.asyncDispose]: () => Promise.resolve(source.destroy()) };
};

const byIoredis = (Client: typeof Cluster) => (port: number): Promise<TestClient> => {
  const source = new Client([{ host: "127.0.0.1", port }]);
  source.on("error", () => {});
  return Promise.resolve({
    source,
    [Symbol.asyncDispose]: () => Promise.resolve(source.disconnect()),
  });
};

const CLUSTERS: Readonly<Record<string, (port: number) => Promise<TestClient>>> = {
  "node-redis": byNodeRedis(createCluster),
  "node-redis 5": byNodeRedis(createCluster5 as unknown as typeof createCluster),
  ioredis: byIoredis(Cluster),
  "ioredis 5": byIoredis(Cluster5 as unknown as typeof Cluster),
  "ioredis 4": byIoredis(Cluster4 as unknown as typeof Cluster),
};

const keyOf = (name: string, part: string) => `interlock:{${name}}:${part}`;

describe("the waiters of a cluster", { skip }, () => {
  let cluster: RedisCluster;
  before(async () => cluster = await RedisCluster.start(keyOf("{moved}", "lock")));
  after(() => cluster[Symbol.asyncDispose]());

  const waiting = (probe: RedisAdapter, key: string, count: number) =>
    until(`${count} waiters`, async () => await probe.send("ZCARD", key) === count);
  /** The adapter of the master that has the slot of the locks whose names begin with `{moved}`. */
  const master = async () => {
    const port = await cluster.masterPort();
    const at = cluster.nodes.findIndex((node) => node.port === port);
    return [cluster.adapters[at], cluster.nodes[at]] as const;
  };
  const receivers = async (redis: RedisAdapter, name: string) => {
    const channels = await redis.send("PUBSUB", "CHANNELS", keyOf(name, "wake:*")) as string[];
    return channels.length;
  };
  /** Two names in the slots of each of the three masters. */
  const names = [0, 1, 2].flatMap((master) =>
    Array.from({ length: 1000 }, (_, i) => `n${i}`)
      .filter((name) => Math.floor(slotOf(name) / 5461.5) === master).slice(0, 2)
  );

  for (const [by, connect] of Object.entries(CLUSTERS)) {
    it(`listen at the node that counts them: ${by}`, DEADLINE, async () => {
      await using client = await connect(cluster.nodes[0].port);
      const probe = adapterOf(client.source, LATE);
      for (const name of names) {
        await using lock = new RedisLock(client.source, name, OPTIONS);
        await using slots = new RedisSemaphore(client.source, name, 1, OPTIONS);
        for (const tested of [lock, slots]) {
          const seen = keyOf(name, tested === lock ? "seen" : "semaphore-seen");
          const guard = await tested.acquire();
          const next = tested.acquire();
          next.catch(() => {}); // It is awaited below.
          await waiting(probe, seen, 1);
          const waiter = (await probe.send("ZRANGE", seen, "0", "0") as string[])[0];
          const promise = Number(await probe.send("ZSCORE", seen, waiter));
          assert.ok(promise % 1 > 0, `${seen} is not counted: ${promise}`);
          await guard.release();
          await (await next).release();
        }
      }
      await probe.close();
    });
  }

  it("do not wait for those that were killed", DEADLINE, async () => {
    await using client = await CLUSTERS.ioredis(cluster.nodes[0].port);
    const probe = adapterOf(client.source, LATE);
    for (const name of names) {
      const queue = keyOf(name, "queue");
      await using holder = new RedisLock(client.source, name, OPTIONS);
      await using lock = new RedisLock(client.source, name, OPTIONS);
      const guard = await holder.acquire();
      await using child = waitingProcess(cluster.nodes[0].url, name, 6, "cluster");
      await waiting(probe, queue, 6);
      const mine = lock.acquire();
      await waiting(probe, queue, 7);
      child.kill();
      await child.ended;
      await until("the end of its connections", async () => {
        const counts = await Promise.all(cluster.adapters.map((node) => receivers(node, name)));
        return counts.reduce((sum, count) => sum + count) === 1;
      });
      await guard.release();
      assert.ok(Number(await probe.send("ZCARD", queue)) <= 1, `${name}: the dead are in front`);
      await (await mine).release();
    }
    await probe.close();
  });

  /** Has a client of each kind wait for a lock at the master whose slots will move. */
  const waitWithAll = async (
    disposing: AsyncDisposableStack,
    prefix: string,
    clients = Object.entries(CLUSTERS),
  ) => {
    const waiters = await Promise.all(
      clients.map(async ([by, connect]) => {
        const client = disposing.use(await connect(cluster.nodes[0].port));
        const name = `{moved} ${prefix} ${by}`;
        const lock = disposing.use(new RedisLock(client.source, name, OPTIONS));
        const guard = await lock.acquire();
        const next = lock.acquire();
        next.catch(() => {}); // It is awaited below.
        const probe = adapterOf(client.source, LATE);
        disposing.defer(() => probe.close());
        await waiting(probe, keyOf(name, "queue"), 1);
        return { name, guard, next, probe };
      }),
    );
    const [old] = await master();
    for (const { name } of waiters) assert.equal(await receivers(old, name), 1, name);
    return waiters;
  };
  type Waiters = Awaited<ReturnType<typeof waitWithAll>>;

  /** Resolves when they listen at another master, and each has got its lock by a release. */
  const goOnAtAnotherMaster = async (waiters: Waiters, old: RedisAdapter) => {
    await until("the new master", async () => (await master().catch(() => [old]))[0] !== old);
    for (const { name, guard, next, probe } of waiters) {
      await until(`the subscription of ${name}`, async () => {
        await probe.send("EXISTS", keyOf(name, "queue")).catch(() => {}); // So the client learns.
        const [now] = await master();
        return await receivers(now, name) === 1;
      });
      await guard.release();
      await (await next).release();
    }
  };

  // One failover for all, since a cluster grants the next one only half a minute later.
  it("listen at the new master after a failover, and trust no grant of it", DEADLINE, async () => {
    await using disposing = new AsyncDisposableStack();
    const waiters = await waitWithAll(disposing, "failed over");
    const [old, oldNode] = await master();

    // A waiter that stays with the old master.
    const name = "{moved} told";
    const [{ probe }] = waiters;
    const lock = new ServerLock(probe, name);
    const [held, waits] = ["a", "b"].map((id) => ({ value: `${id}:1 {}`, leaseTime: 60_000 }));
    assert.equal((await lock.attempt(held)).granted, true);
    const heard: string[] = [];
    disposing.defer(await old.subscribe(`${lock.channel}b`, (message) => heard.push(message)));
    const waiter = grantableWaiterOf(waits);
    assert.equal((await lock.attempt(waits, waiter)).granted, false);

    await cluster.failOver(oldNode);
    await goOnAtAnotherMaster(waiters, old);
    for (const { name } of waiters) {
      await until("the end of the old one", async () => await receivers(old, name) === 0);
    }

    // As if it had come a moment ago, however long that took.
    const ticket = `${(Date.now() + 60_000) * 1000}`;
    await probe.send("ZADD", keyOf(name, "queue"), "XX", ticket, waiter);
    await lock.release(held);
    await until("a message", () => heard.length > 0);
    const isHeld = await probe.send("EXISTS", keyOf(name, "lock")) === 1;
    assert.equal(heard[0].startsWith("grant:"), isHeld, `${heard[0]}, held: ${isHeld}`);
  });

  // Last, since a node is missing afterwards.
  it("listen at the new master after the death of the old one", DEADLINE, async () => {
    await using disposing = new AsyncDisposableStack();
    // Version 5 never learns that a master is dead: it tries to reach it again and again.
    const clients = Object.entries(CLUSTERS).filter(([by]) => by !== "node-redis 5");
    const waiters = await waitWithAll(disposing, "killed", clients);
    const [old, oldNode] = await master();
    await until("the copy", async () => await old.send("WAIT", "1", "20000") === 1);
    for (const node of cluster.adapters) {
      await node.send("CONFIG", "SET", "cluster-node-timeout", "2000");
    }
    await oldNode.kill();
    await goOnAtAnotherMaster(waiters, old);
  });
});
