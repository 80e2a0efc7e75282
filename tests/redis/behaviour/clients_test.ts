import { Cluster, Redis } from "ioredis";
import Redis4 from "ioredis4";
import { Redis as Redis5 } from "ioredis5";
import assert from "node:assert/strict";
import type { EventEmitter } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { createClient, createClientPool, RESP_TYPES } from "redis";
import { createClient as createClient4, createCluster as createCluster4 } from "redis4";
import { createClient as createClient5 } from "redis5";
import {
  adapterOf,
  MisconfiguredError,
  RedisCounter,
  RedisLock,
  RedisSemaphore,
  type RedisSource,
} from "../../../src/redis/mod.ts";
import { Proxy } from "../../support/proxy.ts";
import { RedisServer, skip } from "../../support/redis_server.ts";
import { until } from "../../support/until.ts";
import { startServers, waitersAt } from "../suite.ts";

const DEADLINE = { timeout: 60_000 };

/** The classes of ioredis that are supported. */
const IOREDIS = {
  ioredis: Redis,
  "ioredis 5": Redis5 as unknown as typeof Redis,
  "ioredis 4": Redis4 as unknown as typeof Redis,
};
const NODE_REDIS = {
  "node-redis": createClient,
  "node-redis 5": createClient5 as unknown as typeof createClient,
};

/** Uses each class once. */
async function useAll(source: RedisSource, name: string): Promise<void> {
  await using counter = new RedisCounter(source, name);
  await using lock = new RedisLock(source, name);
  await using semaphore = new RedisSemaphore(source, name, 2);
  assert.equal(await counter.add(2), 2);
  assert.equal(await counter.exchange(7), 2);
  assert.equal(await counter.get(), 7);
  const guard = await lock.acquire({ shared: true });
  assert.equal(await guard.upgrade(), true);
  assert.equal(typeof guard.token, "number");
  await guard.release();
  await (await semaphore.acquire()).release();
}

/** Hands a lock and a permit on, each after its waiter has subscribed. */
async function handOn(source: RedisSource, name: string): Promise<void> {
  const adapter = adapterOf(source);
  const kinds = [
    { make: () => new RedisLock(source, name), queue: "queue", channel: "wake" },
    {
      make: () => new RedisSemaphore(source, name, 1),
      queue: "semaphore-queue",
      channel: "semaphore-wake",
    },
  ];
  try {
    for (const { make, queue, channel } of kinds) {
      await using lock = make();
      await using other = make();
      const guard = await lock.acquire();
      const waiting = other.acquire();
      try {
        const waiters = async () =>
          Number(await adapter.send("ZCARD", `interlock:{${name}}:${queue}`));
        await until("the waiter", async () => await waiters() === 1);
        // The client puts its prefix before the key, and so before the pattern of channels.
        const script = "return redis.call('PUBSUB', 'CHANNELS', KEYS[1] .. '*')";
        const key = `interlock:{${name}}:${channel}:`;
        assert.equal((await adapter.send("EVAL", script, "1", key) as string[]).length, 1);
      } finally {
        await guard.release();
        await (await waiting).release();
      }
    }
  } finally {
    await adapter.close();
  }
}

describe("a client of node-redis that is not supported", () => {
  const reasons: [string, object, RegExp][] = [
    [
      "version 4",
      createClient4(),
      /by a client of node-redis that is version 4, which has no dest/,
    ],
    ["a cluster of version 4", createCluster4({ rootNodes: [{}] }), /is version 4.*npm install/],
    ["a pool", createClientPool(), /by a pool of node-redis: its commands .*Pass a single client/],
  ];
  for (const [what, client, why] of reasons) {
    it(`(${what}) is refused at once, with the reason`, () => {
      for (const make of [adapterOf, (source: RedisSource) => new RedisCounter(source, "n")]) {
        assert.throws(() => make(client as RedisSource), (error: unknown) => {
          assert.ok(error instanceof MisconfiguredError);
          assert.match(error.message, why);
          return true;
        });
      }
    });
  }
});

describe("the listeners on a client", { skip }, () => {
  const suite = startServers();
  /** All but those for one event, which clients have of their own while they connect. */
  const countOn = (client: EventEmitter) =>
    client.eventNames().flatMap((name) => client.rawListeners(name))
      .filter((listener) => !("listener" in listener)).length;

  const clients: Record<string, (url: string) => EventEmitter & { end(): unknown }> = {
    ...Object.fromEntries(
      Object.entries(IOREDIS).flatMap(([name, Client]) =>
        [true, false].map((autoResendUnfulfilledCommands) => [
          `${name}${autoResendUnfulfilledCommands ? "" : " that sends nothing twice"}`,
          (url: string) => {
            const client = new Client(url, { autoResendUnfulfilledCommands });
            return Object.assign(client.on("error", () => {}), { end: () => client.disconnect() });
          },
        ])
      ),
    ),
    ...Object.fromEntries(
      Object.entries(NODE_REDIS).map(([name, create]) => [name, (url: string) => {
        const client = create({ url });
        client.on("error", () => {}).connect().catch(() => {});
        return Object.assign(client, { end: () => client.destroy() });
      }]),
    ),
  };
  for (const [name, connect] of Object.entries(clients)) {
    it(`of ${name} do not grow with the locks and counters`, DEADLINE, async () => {
      for (const url of [suite.server.url, "redis://127.0.0.1:1"]) {
        const client = connect(url);
        const before = countOn(client);
        try {
          const source = client as unknown as RedisSource;
          const isThere = url === suite.server.url;
          if (isThere) await until("the connection", () => (client as unknown as Redis).ping());
          const commandTimeout = isThere ? 5000 : 20;
          await using first = new RedisCounter(source, "first", { commandTimeout });
          await first.add().catch(() => {});
          const one = countOn(client);
          const all = Array.from({ length: 20 }, (_, i) => [
            new RedisLock(source, `${name} ${i}`, { commandTimeout }),
            new RedisCounter(source, `${name} ${i}`, { commandTimeout }),
          ]).flat();
          const used = all.map((one) => one instanceof RedisLock ? one.tryAcquire() : one.add());
          await Promise.allSettled(used);
          assert.equal(countOn(client), one);
          await Promise.all(all.map((one) => one.close()));
          await first.close();
          assert.equal(countOn(client), before);
        } finally {
          client.end();
        }
      }
    });
  }
});

describe("an option of a client", { skip }, () => {
  const suite = startServers();

  for (const [name, Client] of Object.entries(IOREDIS)) {
    const withClient = async (options: object, use: (client: Redis) => Promise<void>) => {
      const client = new Client(suite.server.url, { retryStrategy: () => 20, ...options });
      client.on("error", () => {});
      try {
        await use(client);
      } finally {
        client.disconnect();
      }
    };

    it(
      `of ${name}, keyPrefix, is before the channels of locks, too`,
      DEADLINE,
      () =>
        withClient({ keyPrefix: "mine:" }, async (client) => {
          await handOn(client, `prefix ${name}`);
          await useAll(client, `prefix ${name}`);
          assert.equal(await suite.redis.send("GET", `mine:prefix ${name}`), "7");
        }),
    );

    for (const autoResendUnfulfilledCommands of [true, false]) {
      const options = { stringNumbers: true, autoResendUnfulfilledCommands };
      it(
        `of ${name}, ${JSON.stringify(options)}, changes no reply`,
        DEADLINE,
        () =>
          withClient(
            options,
            (client) => useAll(client, `${name} ${autoResendUnfulfilledCommands}`),
          ),
      );
    }

    it(`of ${name}: the selected database is used, also after a reconnect`, DEADLINE, async () => {
      await using proxy = await Proxy.start(suite.server.port);
      const client = new Client(proxy.url, { retryStrategy: () => 20, db: 1 });
      client.on("error", () => {});
      const inEach = async (key: string) => {
        const script = "local n = {} for db = 1, 4 do redis.call('SELECT', db) " +
          "n[db] = redis.call('GET', KEYS[1]) or '0' end return n";
        return String(await suite.redis.send("EVAL", script, "1", key));
      };
      try {
        await client.select(3);
        await using counter = new RedisCounter(client, name);
        await counter.add();
        await client.select(4);
        await counter.add();
        assert.equal(await inEach(name), "0,0,1,1");
        proxy.cut();
        await until("the connection", () => counter.add().catch(() => undefined));
        assert.match(await inEach(name), /^0,0,1,[23]$/);
        proxy.onRequest = () => "cut";
        proxy.cut();
        await assert.rejects(counter.add());
        const selected = client.select(2);
        proxy.onRequest = () => "pass";
        await selected;
        const value = await until("the connection", () => counter.add().catch(() => undefined));
        assert.equal((await inEach(name)).split(",")[1], `${value}`);
      } finally {
        client.disconnect();
      }
    });
  }

  for (const [name, create] of Object.entries(NODE_REDIS)) {
    it(`of ${name}, a mapping of types, changes no reply`, DEADLINE, async () => {
      const typeMapping = {
        [RESP_TYPES.NUMBER]: String,
        [RESP_TYPES.BLOB_STRING]: globalThis.Buffer ?? (await import("node:buffer")).Buffer,
        [RESP_TYPES.ARRAY]: Set,
      };
      const client = create({ url: suite.server.url, commandOptions: { typeMapping } } as object);
      await client.on("error", () => {}).connect();
      try {
        await useAll(client, `types ${name}`);
      } finally {
        client.destroy();
      }
    });

    it(`of ${name}: the selected database is used, also after a reconnect`, DEADLINE, async () => {
      await using proxy = await Proxy.start(suite.server.port);
      const client = create({ url: proxy.url });
      await client.on("error", () => {}).connect();
      try {
        await client.select(3);
        await using counter = new RedisCounter(client, name);
        await counter.add();
        proxy.cut();
        const value = await until("the connection", () => counter.add().catch(() => undefined));
        await suite.redis.send("SELECT", "3");
        assert.equal(await suite.redis.send("GET", name), `${value}`);
      } finally {
        await suite.redis.send("SELECT", "0");
        client.destroy();
      }
    });
  }

  it("of node-redis, keyPrefix, is before keys and channels", DEADLINE, async () => {
    const client = createClient({ url: suite.server.url, keyPrefix: "theirs:" });
    await client.on("error", () => {}).connect();
    try {
      await useAll(client, "prefixed");
      assert.equal(await client.get("prefixed"), "7");
      assert.equal(await suite.redis.send("GET", "theirs:prefixed"), "7");
      await handOn(client, "prefixed");
    } finally {
      client.destroy();
    }
  });

  it("of a cluster of ioredis: reads ask the master", DEADLINE, () => {
    const cluster = new Cluster([{ host: "127.0.0.1", port: 1 }], {
      scaleReads: "slave",
      lazyConnect: true,
      keyPrefix: "a:",
    });
    const made: Cluster[] = [];
    const { duplicate } = cluster;
    cluster.duplicate = (...args) => {
      const copy = duplicate.apply(cluster, args);
      made.push(copy);
      return copy;
    };
    const adapter = adapterOf(cluster);
    assert.deepEqual(made.map(({ options }) => [options.scaleReads, options.keyPrefix]), [
      ["master", "a:"],
    ]);
    return adapter.close();
  });
});

describe("an address", { skip }, () => {
  it("can be valkey:// or unix://, with a user and a database", DEADLINE, async () => {
    const folder = mkdtempSync(join(tmpdir(), "interlock-socket-"));
    const path = join(folder, "redis socket");
    const config = ["--unixsocket", path];
    try {
      await using server = await RedisServer.start({ password: "a:b@c/d", config });
      const password = encodeURIComponent("a:b@c/d");
      const addresses = [
        `valkey://:${password}@127.0.0.1:${server.port}/2`,
        `unix://:${password}@${encodeURI(path)}?db=2`,
        `unix://default:${password}@${encodeURI(path)}?db=2`,
      ];
      for (const [i, address] of addresses.entries()) {
        await using counter = new RedisCounter(address, "n");
        assert.equal(await counter.add(), i + 1);
        await handOn(address, "n");
      }
      const without = adapterOf(`unix://${encodeURI(path)}`);
      await assert.rejects(without.send("GET", "n"), /NOAUTH/);
      await without.close();
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("is connected to again if it leads to a replica after a failover", DEADLINE, async () => {
    await using first = await RedisServer.start({ config: ["--repl-diskless-sync-delay", "0"] });
    await using second = await RedisServer.start({ replicaOf: first.port });
    const [one, two] = [adapterOf(first.url), adapterOf(second.url)];
    await using proxy = await Proxy.start(first.port);
    try {
      await until("the replica", async () => /link_status:up/.test(`${await two.send("INFO")}`));
      await using counter = new RedisCounter(proxy.url, "n");
      await using lock = new RedisLock(proxy.url, "n", { leaseTime: 60_000 });
      await using other = new RedisLock(proxy.url, "n");
      assert.equal(await counter.add(), 1);
      await (await lock.acquire()).release();
      await (await other.acquire()).release();
      await until("the add at the replica", async () => await two.send("GET", "n") === "1");
      await two.send("REPLICAOF", "NO", "ONE");
      await one.send("REPLICAOF", "127.0.0.1", `${second.port}`);
      proxy.target = second.port;
      // The old connections stay; each is given up once it is a second old.
      assert.equal(await until("the new master", () => counter.add().catch(() => false)), 2);
      const guard = await until("the lock", () => lock.acquire().catch(() => undefined));
      const waiting = until("the waiter", () => other.acquire().catch(() => undefined));
      await waitersAt(two, "n", 1);
      await guard.release();
      await (await waiting).release();
      assert.equal(await two.send("GET", "n"), "2");
    } finally {
      await Promise.all([one.close(), two.close()]);
    }
  });

  it("of a replica is refused, and not connected to again and again", DEADLINE, async () => {
    await using master = await RedisServer.start();
    await using replica = await RedisServer.start({ replicaOf: master.port });
    await using proxy = await Proxy.start(replica.port);
    await using counter = new RedisCounter(proxy.url, "n");
    await counter.get();
    for (let i = 0; i < 100; i++) {
      await assert.rejects(counter.add(), { name: "RefusedError", code: "READONLY" });
    }
    assert.ok(proxy.connections < 20, `${proxy.connections} connections`);
  });
});
