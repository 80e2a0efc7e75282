import { Redis } from "ioredis";
import Redis4 from "ioredis4";
import { Redis as Redis5 } from "ioredis5";
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { createSentinel } from "redis";
import { createSentinel as createSentinel5 } from "redis5";
import {
  adapterOf,
  RedisCounter,
  RedisLock,
  type RedisSource,
  UnreachableError,
} from "../../../src/redis/mod.ts";
import { skip } from "../../support/redis_server.ts";
import { until } from "../../support/until.ts";
import { MASTER } from "../../support/sentinel.ts";
import { ReplicatedMaster } from "../replicated_master.ts";

const DEADLINE = { timeout: 120_000 };

type Connected = [source: RedisSource, end: () => unknown];

const byNodeRedis = (create: typeof createSentinel) => async (port: number): Promise<Connected> => {
  const source = create({ name: MASTER, sentinelRootNodes: [{ host: "127.0.0.1", port }] });
  source.on("error", () => {});
  await source.connect();
  return [source, () => source.destroy()];
};

const byIoredis = (Client: typeof Redis) => (port: number): Promise<Connected> => {
  const source = new Client({ name: MASTER, sentinels: [{ host: "127.0.0.1", port }] });
  source.on("error", () => {});
  return Promise.resolve([source, () => source.disconnect()]);
};

const CLIENTS: Readonly<Record<string, (port: number) => Promise<Connected>>> = {
  "node-redis": byNodeRedis(createSentinel),
  "node-redis 5": byNodeRedis(createSentinel5 as unknown as typeof createSentinel),
  ioredis: byIoredis(Redis),
  "ioredis 5": byIoredis(Redis5 as unknown as typeof Redis),
  "ioredis 4": byIoredis(Redis4 as unknown as typeof Redis),
};

describe("clients of Sentinel", { skip }, () => {
  let deployment: ReplicatedMaster;
  before(async () => deployment = await ReplicatedMaster.start());
  after(() => deployment?.[Symbol.asyncDispose]());

  it("count and lock before and after a failover, and send nothing twice", DEADLINE, async () => {
    let hasFailedOver = false;
    const failed: string[] = [];
    const use = async (name: string) => {
      const [source, end] = await CLIENTS[name](deployment.sentinel.port);
      try {
        await using counter = new RedisCounter(source, `of ${name}`);
        await using lock = new RedisLock(source, `of ${name}`);
        await using other = new RedisLock(source, `of ${name}`);
        await (await lock.acquire()).release();
        let added = 0;
        let unknown = 0;
        const add = () =>
          counter.add().then((value) => (added++, value), (error): undefined => {
            if (error instanceof UnreachableError) unknown += Number(error.mayHaveHappened);
            else failed.push(`${name}: ${error}`);
          });
        while (!hasFailedOver || added < 50) await add();
        const value = await until(`the new master by ${name}`, add);
        // The replica may have missed the last adds of the old master; none was sent twice.
        assert.ok(value <= added + unknown, `${value} of ${added} and ${unknown}`);
        assert.equal(await counter.get(), value);

        const guard = await lock.acquire();
        const waiting = other.acquire();
        waiting.catch(() => {}); // The next error says more.
        const replica = adapterOf(deployment.replica.url);
        try {
          const channels = `interlock:{of ${name}}:wake:*`;
          await until(
            "the subscription",
            async () => String(await replica.send("PUBSUB", "CHANNELS", channels)) !== "",
          );
        } finally {
          await replica.close();
        }
        await guard.release();
        await (await waiting).release();
      } finally {
        await end();
      }
    };
    const all = Promise.allSettled(Object.keys(CLIENTS).map(use));
    try {
      await deployment.failOver();
    } finally {
      hasFailedOver = true;
    }
    for (const ended of await all) if (ended.status === "rejected") throw ended.reason;
    assert.deepEqual(failed, []);
  });
});
