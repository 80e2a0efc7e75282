import { Cluster } from "ioredis";
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { createCluster } from "redis";
import { LockLostError } from "../../../src/contract/mod.ts";
import {
  adapterOf,
  MisconfiguredError,
  type RedisAdapter,
  RedisLock,
  RefusedError,
} from "../../../src/redis/mod.ts";
import { RedisServer, skip } from "../../support/redis_server.ts";
import { until } from "../../support/until.ts";
import { CLIENTS } from "../clients.ts";
import { startServers } from "../suite.ts";

const DEADLINE = { timeout: 60_000 };
const FAST = { config: ["--repl-diskless-sync-delay", "0"] };
const SLOW = { commandTimeout: 20_000 };

describe("a RedisLock that needs its replicas", { skip }, () => {
  const suite = startServers(1, FAST);
  let replica: RedisServer;
  let copy: RedisAdapter;
  before(async () => {
    replica = await RedisServer.start({ replicaOf: suite.server.port });
    copy = adapterOf(replica.url, SLOW);
    await until("the replica", async () => {
      return /master_link_status:up/.test(String(await copy.send("INFO", "replication")));
    });
  });
  after(async () => {
    await copy.close();
    await replica[Symbol.asyncDispose]();
  });

  for (const [client, connect] of Object.entries(CLIENTS)) {
    for (const isAdapted of [false, true]) {
      it(`holds it with them: ${client}${isAdapted ? ", adapted" : ""}`, DEADLINE, async () => {
        await using made = await connect(suite.server.url);
        const adapted = isAdapted ? adapterOf(made.source, SLOW) : undefined;
        const name = `copied ${client} ${isAdapted}`;
        const options = { leaseTime: 60_000, replicas: { count: 1, timeout: 15_000 }, ...SLOW };
        await using lock = new RedisLock(adapted ?? made.source, name, options);
        for (const shared of [false, true]) {
          const guard = await lock.acquire({ shared });
          assert.equal(await copy.send("EXISTS", `interlock:{${name}}:lock`), 1);
          if (shared) assert.equal(await guard.upgrade(), true);
          await guard.release();
        }
        await lock.close();
        await adapted?.close();
      });
    }
  }

  it("refuses a client of a cluster, whose WAIT may ask another node", () => {
    const ioredis = new Cluster([{ host: "127.0.0.1", port: 1 }], { lazyConnect: true });
    const nodeRedis = createCluster({ rootNodes: [{ url: "redis://127.0.0.1:1" }] });
    const replicas = { count: 1, timeout: 100 };
    for (const source of [ioredis, nodeRedis]) {
      assert.throws(() => new RedisLock(source, "n", { replicas }), (error: unknown) => {
        assert.ok(error instanceof MisconfiguredError, String(error));
        assert.match(error.message, /^Cannot wait for replicas by /);
        return true;
      });
    }
    ioredis.disconnect();
  });

  it("waits for them longer than for a command", DEADLINE, async () => {
    const replicas = { count: 2, timeout: 1200 };
    await using lock = new RedisLock(suite.redis, "two", { replicas, commandTimeout: 1000 });
    await assert.rejects(lock.acquire(), (error) => {
      assert.ok(error instanceof RefusedError && error.code === "NOREPLICAS", String(error));
      assert.match(error.message, /1 of 2 replicas had it within 1200 ms/);
      return true;
    });
    assert.equal(await suite.redis.send("EXISTS", "interlock:{two}:lock"), 0);
  });

  it("delays no other user of its client while it waits for them", DEADLINE, async () => {
    await using made = await CLIENTS["node-redis"](suite.server.url);
    const options = { leaseTime: 30_000, replicas: { count: 2, timeout: 20_000 }, ...SLOW };
    await using lock = new RedisLock(made.source, "waits", options);
    await using other = new RedisLock(made.source, "other", SLOW);
    let isSettled = false;
    const acquiring = lock.acquire().finally(() => isSettled = true);
    let waiting = "";
    await until("WAIT", async () => {
      const list = String(await suite.redis.send("CLIENT", "LIST"));
      waiting = /^id=(\d+) .*cmd=wait/m.exec(list)?.[1] ?? "";
      return waiting !== "";
    });
    await (await other.acquire()).release();
    assert.equal(isSettled, false);
    await suite.redis.send("CLIENT", "UNBLOCK", waiting, "TIMEOUT");
    await assert.rejects(acquiring, { code: "NOREPLICAS" });
  });

  // Last, since the replica is none afterwards.
  it("is lost before a replica that became the master can grant it again", DEADLINE, async () => {
    const options = { leaseTime: 1500, replicas: { count: 1, timeout: 1000 } };
    await using lock = new RedisLock(suite.server.url, "twice", options);
    await using other = new RedisLock(replica.url, "twice");
    const guard = await lock.acquire();
    const { signal } = guard;
    await copy.send("REPLICAOF", "NO", "ONE"); // The old master lives on, and answers.
    const second = await other.acquire();
    assert.equal(guard.held, false);
    assert.ok(second.token! > guard.token!);
    assert.ok(signal.aborted && signal.reason instanceof LockLostError);
    await assert.rejects(guard.release(), LockLostError);
    await second.release();
  });
});

describe("a RedisLock that needs one of two replicas", { skip }, () => {
  const suite = startServers(1, FAST);
  const replicas: RedisServer[] = [];
  before(async () => {
    const starting = [1, 2].map(() => RedisServer.start({ replicaOf: suite.server.port }));
    replicas.push(...await Promise.all(starting));
    await until("the replicas", async () => {
      const info = String(await suite.redis.send("INFO", "replication"));
      return info.match(/state=online/g)?.length === 2;
    });
  });
  after(() => Promise.all(replicas.map((replica) => replica[Symbol.asyncDispose]())));

  it("goes on with one, and grants nothing without both", DEADLINE, async () => {
    const options = { leaseTime: 60_000, ...SLOW };
    const patient = { ...options, replicas: { count: 1, timeout: 15_000 } };
    const hasty = { ...options, replicas: { count: 1, timeout: 200 } };
    await using lock = new RedisLock(suite.server.url, "one of two", patient);
    await using other = new RedisLock(suite.server.url, "one of two", hasty);
    try {
      replicas[0].signal("SIGSTOP");
      const guard = await lock.acquire();
      const copy = adapterOf(replicas[1].url, SLOW);
      assert.equal(await copy.send("EXISTS", "interlock:{one of two}:lock"), 1);
      await copy.close();
      await guard.release();
      replicas[1].signal("SIGSTOP");
      for (const acquire of [() => other.acquire(), () => other.tryAcquire()]) {
        await assert.rejects(acquire(), (error) => {
          assert.ok(error instanceof RefusedError && error.code === "NOREPLICAS", String(error));
          assert.match(error.message, /0 of 1 replicas had it within 200 ms/);
          return true;
        });
        const keys = await suite.redis.send("KEYS", "interlock:{one of two}:*");
        assert.deepEqual(keys, ["interlock:{one of two}:token"]);
      }
    } finally {
      for (const replica of replicas) replica.signal("SIGCONT");
    }
    await (await lock.acquire()).release();
  });
});
