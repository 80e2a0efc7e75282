import { Cluster } from "ioredis";
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { createCluster } from "redis";
import {
  adapterOf,
  MisconfiguredError,
  RedisCounter,
  RedisLock,
  Script,
} from "../../../src/redis/mod.ts";
import { RedisServer, skip } from "../../support/redis_server.ts";
import { until } from "../../support/until.ts";
import type { TestClient } from "../clients.ts";
import { waitersAt } from "../suite.ts";

/** A server that is a cluster of one node. */
const CLUSTER = ["--cluster-enabled", "yes", "--cluster-announce-ip", "127.0.0.1"];

const CLUSTERS: Readonly<Record<string, (port: number) => Promise<TestClient>>> = {
  "node-redis": async (port) => {
    const source = createCluster({ rootNodes: [{ url: `redis://127.0.0.1:${port}` }] });
    source.on("error", () => {});
    await source.connect();
    return { source, [Symbol.asyncDispose]: () => Promise.resolve(source.destroy()) };
  },
  ioredis: (port) => {
    const source = new Cluster([{ host: "127.0.0.1", port }]);
    source.on("error", () => {});
    return Promise.resolve({
      source,
      [Symbol.asyncDispose]: () => Promise.resolve(source.disconnect()),
    });
  },
};

describe("a cluster", { skip }, () => {
  let server: RedisServer;
  before(async () => {
    server = await RedisServer.start({ config: CLUSTER });
    const adapter = adapterOf(server.url);
    await adapter.send("CLUSTER", "ADDSLOTSRANGE", "0", "16383");
    const isReady = async () =>
      /cluster_state:ok/.test(String(await adapter.send("CLUSTER", "INFO")));
    await until("the cluster", isReady);
    await adapter.close();
  });
  after(() => server[Symbol.asyncDispose]());

  for (const [name, connect] of Object.entries(CLUSTERS)) {
    it(`counts by ${name}, and keeps operations in the counter's slot`, async () => {
      await using client = await connect(server.port);
      for (const key of [`plain ${name}`, `a{tag ${name}}b`]) {
        await using counter = new RedisCounter(client.source, key, { min: 0 });
        assert.equal(await counter.add(), 1);
        assert.equal(await counter.add(1, { operation: "a" }), 2);
        assert.equal(await counter.add(1, { operation: "a" }), 2);
        assert.equal(await counter.exchange(5), 2);
        assert.equal(await counter.get(), 5);
      }
    });

    it(`acquires a lock of several names in one slot by ${name}`, async () => {
      await using client = await connect(server.port);
      const names = ["a", "b"].map((each) => `{${name}}${each}`);
      await using lock = new RedisLock(client.source, names);
      await using other = new RedisLock(client.source, names[1]);
      const guard = await lock.acquire();
      const next = other.acquire();
      const probe = adapterOf(client.source);
      await waitersAt(probe, names[1], 1);
      await probe.close();
      await guard.release();
      await (await next).release();
      await using scattered = new RedisLock(client.source, [`${name} a`, `${name} b`]);
      const isTold = (error: Error) =>
        error instanceof MisconfiguredError && error.code === "CROSSSLOT" &&
        /different slots .* Begin the names with one hash tag/.test(error.message);
      await assert.rejects(scattered.acquire(), isTold);
    });

    it(`hands a lock on by ${name}`, async () => {
      await using client = await connect(server.port);
      for (const options of [{}, { fair: true }, { shared: true }]) {
        const lockName = `${name} ${JSON.stringify(options)}`;
        await using lock = new RedisLock(client.source, lockName, options);
        await using other = new RedisLock(client.source, lockName);
        const guard = await lock.acquire();
        const waiting = other.acquire({ timeout: 4500 }); // Less than the time after which it asks by itself.
        const probe = adapterOf(client.source);
        const queue = `interlock:{${lockName}}:queue`;
        await until("the waiter", async () => await probe.send("EXISTS", queue) === 1);
        await guard.release();
        await (await waiting).release();
        await probe.close();
      }
    });

    it(`drops waiters that are dead by ${name}, though the holder has never waited`, async () => {
      await using client = await connect(server.port);
      const lockName = `dead ${name}`;
      await using holder = new RedisLock(client.source, lockName, { fair: true });
      await using lock = new RedisLock(client.source, lockName, { fair: true });
      const probe = adapterOf(client.source);
      const [queue, seen] = ["queue", "seen"].map((part) => `interlock:{${lockName}}:${part}`);
      const guard = await holder.acquire();
      const mine = lock.acquire();
      await until("the waiter", async () => await probe.send("ZCARD", queue) === 1);
      const [waiter] = await probe.send("ZRANGE", seen, "0", "0") as string[];
      const promise = String(await probe.send("ZSCORE", seen, waiter));
      assert.notEqual(Number(promise) % 1, 0, "it is not counted");
      // Such waiters were counted as well, and nobody listens any more.
      for (const dead of ["w:dead:1", "w:dead:2", "w:dead:3"]) {
        await probe.send("ZADD", queue, dead.slice(-1), dead);
        await probe.send("ZADD", seen, promise, dead);
      }
      await guard.release();
      assert.ok(Number(await probe.send("ZCARD", queue)) <= 1, "the dead are in front");
      await (await mine).release();
      await probe.close();
    });

    it(`says by ${name} that keys are in different slots`, async () => {
      await using client = await connect(server.port);
      await using counter = new RedisCounter(client.source, "a}b");
      await assert.rejects(counter.add(1, { operation: "a" }), (error: unknown) => {
        assert.ok(error instanceof MisconfiguredError, String(error));
        assert.equal(error.code, "CROSSSLOT");
        return true;
      });
    });

    it(`publishes and subscribes by ${name}`, async () => {
      await using client = await connect(server.port);
      const adapter = adapterOf(client.source);
      const received: string[] = [];
      await adapter.subscribe("news", (message) => received.push(message));
      const publish = new Script("return redis.call('PUBLISH', ARGV[1], ARGV[2])");
      await publish.run(adapter, ["any"], ["news", "hello"]);
      await until("the message", () => received.length > 0);
      assert.deepEqual(received, ["hello"]);
      await adapter.close();
    });
  }
});

describe("a node of a cluster by an address", { skip }, () => {
  it("is reported as one", async () => {
    await using server = await RedisServer.start({ config: CLUSTER });
    const admin = adapterOf(server.url);
    await admin.send("CLUSTER", "ADDSLOTSRANGE", "0", "8191");
    await using counter = new RedisCounter(server.url, "n");
    await assert.rejects(counter.add(), { name: "RefusedError", code: "CLUSTERDOWN" });
    await admin.close();
  });
});
