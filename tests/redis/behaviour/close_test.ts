import assert from "node:assert/strict";
import process from "node:process";
import { describe, it } from "node:test";
import { elect, LockLostError } from "../../../src/contract/mod.ts";
import {
  adapterOf,
  type RedisAdapter,
  RedisCounter,
  type RedisGuard,
  RedisLock,
  RedisRateLimiter,
  RedisSemaphore,
  type RedisSource,
} from "../../../src/redis/mod.ts";
import { adapter } from "../../../src/runtime/mod.ts";
import { Child, RUN_WITH_PACKAGES } from "../../support/child.ts";
import { Proxy } from "../../support/proxy.ts";
import { RedisServer, skip } from "../../support/redis_server.ts";
import { until } from "../../support/until.ts";
import { CLIENTS, type TestClient } from "../clients.ts";
import { startServers } from "../suite.ts";

const PROCESS = new URL("../fixtures/closing_work_process.ts", import.meta.url);
const DEADLINE = { timeout: 60_000 };
const ROUNDS = 10;

/** A lock or a semaphore. */
interface AnyLock extends AsyncDisposable {
  readonly name: string;
  tryAcquire(): Promise<RedisGuard | undefined>;
  acquire(options?: { signal?: AbortSignal; timeout?: number }): Promise<RedisGuard>;
  close(): Promise<void>;
}

const LOCKS: Readonly<Record<string, (source: RedisSource, name: string) => AnyLock>> = {
  RedisLock: (source, name) => new RedisLock(source, name),
  "RedisLock, fair": (source, name) => new RedisLock(source, name, { fair: true }),
  "RedisLock, shared": (source, name) => new RedisLock(source, name, { shared: true }),
  RedisSemaphore: (source, name) => new RedisSemaphore(source, name, 1),
};

const SOURCES: typeof CLIENTS = {
  ...CLIENTS,
  "an adapter": (url) => {
    const source = adapterOf(url);
    return Promise.resolve({ source, [Symbol.asyncDispose]: () => source.close() });
  },
};

/** The keys of holds and waiters of a server. */
async function traces(redis: RedisAdapter): Promise<string[]> {
  const keys = await redis.send("KEYS", "interlock:{*") as string[];
  return keys.filter((key) => !/(token|semaphore)$/.test(key)).sort();
}

describe("an object that is closed during an operation", { skip }, () => {
  const suite = startServers();

  for (const [by, connect] of Object.entries(SOURCES)) {
    for (const [kind, make] of Object.entries(LOCKS)) {
      if (kind !== "RedisLock" && kind !== "RedisSemaphore" && by !== "address") continue;
      it(`releases the grant of an aborted acquire: ${kind} by ${by}`, DEADLINE, async () => {
        for (let i = 0; i < ROUNDS; i++) {
          await using client: TestClient = await connect(suite.server.url);
          const tested = make(client.source, "aborted");
          if (i % 3 !== 0) await (await tested.acquire()).release(); // Connected.
          if (i % 3 === 2) await suite.redis.send("SCRIPT", "FLUSH"); // So an acquire takes two steps.
          const controller = new AbortController();
          const { signal } = controller;
          const acquiring = i % 2
            ? tested.acquire({ signal })
            : tested.acquire({ signal, timeout: 9000 });
          const rejected = assert.rejects(acquiring, { name: "AbortError" });
          for (let turns = i; turns > 0; turns--) await Promise.resolve();
          controller.abort();
          await rejected;
          await tested.close();
          assert.deepEqual(await traces(suite.redis), [], `round ${i}`);
        }
      });

      it(`completes releases that are not awaited: ${kind} by ${by}`, DEADLINE, async () => {
        for (let i = 0; i < ROUNDS; i++) {
          await using client: TestClient = await connect(suite.server.url);
          const tested = make(client.source, "released");
          const guard = await tested.acquire();
          if (i % 2) await suite.redis.send("SCRIPT", "FLUSH");
          const released = guard.release();
          await tested.close();
          assert.deepEqual(await traces(suite.redis), [], `round ${i}`);
          await released;
        }
      });
    }

    it(`counts the adds that were sent: RedisCounter by ${by}`, DEADLINE, async () => {
      for (let i = 0; i < ROUNDS; i++) {
        await suite.redis.send("DEL", "n");
        await using client: TestClient = await connect(suite.server.url);
        const counter = new RedisCounter(client.source, "n");
        if (i % 2) await counter.set(0);
        const adds: Promise<number>[] = [];
        for (let round = 0; round < 5; round++) {
          adds.push(counter.add(), counter.add(1, { operation: `${by} ${i}.${round}` }));
          await Promise.resolve();
        }
        const collected = counter.coalesced();
        collected.add(5);
        await counter.close();
        assert.equal(await suite.redis.send("GET", "n"), "15");
        assert.equal((await Promise.all(adds)).length, 10);
        assert.equal(collected.pending, 0);
      }
    });
  }

  for (const [by, connect] of Object.entries(CLIENTS)) {
    it(`closes while it subscribes to a server that is down: by ${by}`, DEADLINE, async () => {
      await using gone = await RedisServer.start();
      await using client: TestClient = await connect(gone.url);
      const adapter = adapterOf(client.source, { commandTimeout: 600_000 });
      await adapter.send("PING");
      await gone.kill();
      const subscribing = adapter.subscribe("news", () => {}).catch(() => {});
      await new Promise((resolve) => setTimeout(resolve, 50)); // It is connecting.
      await adapter.close();
      await subscribing;
    });
  }

  it("takes back an add beyond 2^53 while it is closed", DEADLINE, async () => {
    await using proxy = await Proxy.start(suite.server.port);
    const counter = new RedisCounter(proxy.url, "edge");
    await counter.set(5);
    await counter.add();
    await suite.redis.send("SET", "edge", `${Number.MAX_SAFE_INTEGER}`);
    let held = 0;
    proxy.onReply = () => held++ === 0 ? "hold" : "pass";
    const adding = assert.rejects(counter.add(), RangeError);
    await until("the add", () => held > 0);
    const closing = counter.close();
    proxy.letGo();
    await closing;
    await adding;
    assert.equal(await suite.redis.send("GET", "edge"), `${Number.MAX_SAFE_INTEGER}`);
  });

  it("does the same by `await using`", DEADLINE, async () => {
    let released: Promise<void>;
    {
      await using lock = new RedisLock(suite.server.url, "using");
      released = (await lock.acquire()).release();
    }
    assert.equal(await suite.redis.send("EXISTS", "interlock:{using}:lock"), 0);
    await released;
  });

  it("is closed within the time limit of a command if no answer comes", DEADLINE, async () => {
    await using proxy = await Proxy.start(suite.server.port);
    const options = { commandTimeout: 800 };
    const lock = new RedisLock(proxy.url, "silent", { ...options, leaseTime: 1500 });
    const slots = new RedisSemaphore(proxy.url, "silent", 1, { ...options, leaseTime: 1500 });
    const counter = new RedisCounter(proxy.url, "silent", options);
    await until("the connections", () => {
      const asked = [lock.owner(), slots.available(), counter.get()];
      return Promise.all(asked).then(() => true, () => false);
    });
    const guards = [await lock.acquire(), await slots.acquire()];
    await counter.add();
    proxy.onReply = () => "hold";
    const late: Promise<unknown>[] = [...guards.map((guard) => guard.release()), counter.add()];
    const settled = Promise.allSettled(late);
    await Promise.all([lock, slots, counter].map((one) => one.close()));
    for (const { status } of await settled) assert.equal(status, "rejected");
  });

  it("is closed at once if nothing was sent", DEADLINE, async () => {
    const options = { commandTimeout: 600_000 };
    const url = "redis://127.0.0.1:1";
    const bolts: AnyLock[] = [
      new RedisLock(url, "unsent", options),
      new RedisLock([url, `${url}/1`, `${url}/2`], "unsent", options),
      new RedisSemaphore(url, "unsent", 1, options),
    ];
    for (const tested of bolts) {
      const aborted = assert.rejects(tested.acquire({ signal: AbortSignal.timeout(50) }));
      const closed = [assert.rejects(tested.acquire()), assert.rejects(tested.tryAcquire())];
      await aborted;
      await tested.close();
      await Promise.all(closed);
    }
  });

  it("is closed at once while it waits, and acquires nothing later", DEADLINE, async () => {
    await using holder = new RedisLock(suite.server.url, "waited");
    const guard = await holder.acquire();
    for (const options of [{}, { fair: true }, { localHandOff: true }]) {
      const lock = new RedisLock(suite.server.url, "waited", options);
      const waiting = Array.from({ length: 3 }, () => lock.acquire());
      const settled = Promise.allSettled(waiting);
      await until(
        "the waiter",
        async () => await suite.redis.send("EXISTS", "interlock:{waited}:queue") === 1,
      );
      await lock.close();
      for (const { status } of await settled) assert.equal(status, "rejected");
      assert.equal(await suite.redis.send("EXISTS", "interlock:{waited}:queue"), 0);
    }
    await guard.release();
    assert.equal(await suite.redis.send("EXISTS", "interlock:{waited}:lock"), 0);
  });

  it("ends the waits for its own hold", DEADLINE, async () => {
    const lock = new RedisLock(suite.server.url, "own", { localHandOff: true });
    const guard = await lock.acquire();
    const settled = Promise.allSettled([lock.acquire(), lock.acquire()]);
    await Promise.resolve();
    await lock.close();
    for (const { status } of await settled) assert.equal(status, "rejected");
    assert.equal(guard.held, false);
  });

  const HOLDERS: typeof LOCKS = {
    ...LOCKS,
    "RedisLock, reentrant": (source, name) => new RedisLock(source, name, { reentrant: true }),
    "RedisLock, local": (source, name) => new RedisLock(source, name, { localHandOff: true }),
    "RedisLock of several names": (source, name) => new RedisLock(source, [name, `${name} 2`]),
  };
  for (const [kind, make] of Object.entries(HOLDERS)) {
    it(`tells its guards, once, before another client is inside: ${kind}`, DEADLINE, async () => {
      const name = `told ${kind}`;
      await using other = make(suite.redis, name);
      const tested = make(suite.server.url, name);
      await (await tested.acquire()).release();
      const released = await tested.acquire();
      await released.release();
      const guard = await tested.acquire();
      const guards = kind === "RedisLock, reentrant" ? [guard, await tested.acquire()] : [guard];
      let isOtherInside = false;
      const next = kind === "RedisLock, shared"
        ? undefined
        : other.acquire().finally(() => isOtherInside = true);
      const told: unknown[] = [];
      for (const { signal } of guards) {
        signal.addEventListener("abort", () => told.push(isOtherInside, signal.reason));
      }
      await tested.close();
      assert.equal(released.signal.aborted, false);
      assert.equal(told.length, 2 * guards.length);
      for (const { held, signal: { aborted, reason } } of guards) {
        assert.deepEqual([held, aborted, reason instanceof LockLostError], [false, true, true]);
        assert.equal(reason.message, `Lost "${tested.name}": it was closed while it was held`);
      }
      assert.ok(!told.includes(true));
      await (await next)?.release();
      for (const each of guards) {
        await assert.rejects(each.release(), LockLostError);
        await each[Symbol.asyncDispose]();
      }
    });
  }

  it("refuses each use afterwards by a TypeError", DEADLINE, async () => {
    const { url } = suite.server;
    const lock = new RedisLock(url, "used");
    const names = new RedisLock(url, ["used", "too"]);
    const quorum = new RedisLock([url], "used");
    const slots = new RedisSemaphore(url, "used", 1);
    const limiter = new RedisRateLimiter(url, "used", { limit: 1, interval: 1000 });
    const counter = new RedisCounter(url, "used");
    const collected = counter.coalesced();
    const ticket = await (await lock.acquire()).detach();
    await counter.add();
    await Promise.all([lock, names, quorum, slots, limiter, counter].map((one) => one.close()));
    await counter.close();
    const uses: Readonly<Record<string, () => unknown>> = {
      "lock.acquire": () => lock.acquire(),
      "lock.tryAcquire": () => lock.tryAcquire(),
      "lock.attach": () => lock.attach(ticket),
      "lock.owner": () => lock.owner(),
      "names.acquire": () => names.acquire(),
      "quorum.acquire": () => quorum.acquire(),
      "slots.acquire": () => slots.acquire(),
      "slots.tryAcquire": () => slots.tryAcquire(),
      "slots.available": () => slots.available(),
      "limiter.acquire": () => limiter.acquire(),
      "limiter.tryAcquire": () => limiter.tryAcquire(),
      "counter.add": () => counter.add(),
      "counter.add, once": () => counter.add(1, { operation: "a" }),
      "counter.fetchAdd": () => counter.fetchAdd(),
      "counter.get": () => counter.get(),
      "counter.set": () => counter.set(1),
      "counter.fetchMin": () => counter.fetchMin(1),
      "counter.fetchMax": () => counter.fetchMax(1),
      "counter.exchange": () => counter.exchange(1),
      "counter.compareExchange": () => counter.compareExchange(1, 2),
      "counter.coalesced": () => counter.coalesced(),
      "collected.add": () => collected.add(),
      "collected.get": () => collected.get(),
      "collected.flush": () => collected.flush(),
    };
    for (const [what, use] of Object.entries(uses)) {
      const isTold = (error: unknown) =>
        error instanceof TypeError && /^Cannot .*: it was closed$/.test(error.message);
      await assert.rejects(async () => await use(), isTold, what);
    }
  });

  it("ends the term of a leader", DEADLINE, async () => {
    const lock = new RedisLock(suite.server.url, "leader");
    const stop = new AbortController();
    await elect(lock, async ({ signal }) => {
      await lock.close();
      assert.ok(signal.aborted && signal.reason instanceof LockLostError);
      stop.abort();
    }, { signal: stop.signal });
    assert.ok(stop.signal.aborted);
  });

  it("leaves nothing behind if the process ends then", DEADLINE, async () => {
    await suite.redis.send("DEL", "visits", "interlock:{work}:token");
    const flags = RUN_WITH_PACKAGES[adapter.name];
    await using child = new Child(process.execPath, flags, PROCESS, [suite.server.url]);
    assert.equal(await child.line(), "closed");
    assert.equal((await child.ended).code, 0);
    assert.equal(await suite.redis.send("GET", "visits"), "3");
    const left = await traces(suite.redis);
    assert.deepEqual(left.filter((key) => /\{(work|aborted)\}/.test(key)), []);
  });
});

describe("a RedisLock of three servers that is closed", { skip }, () => {
  it("leaves no vote behind", DEADLINE, async () => {
    const servers = await Promise.all(Array.from({ length: 3 }, () => RedisServer.start()));
    const admins = servers.map(({ url }) => adapterOf(url));
    const urls = servers.map(({ url }) => url);
    const options = { restartGuard: false, commandTimeout: 20_000 };
    try {
      for (let i = 0; i < ROUNDS; i++) {
        for (const what of ["aborted", "released", "refused"]) {
          const lock = new RedisLock(urls, "n", options);
          await (await lock.acquire()).release();
          if (i % 2) { for (const admin of admins) await admin.send("SCRIPT", "FLUSH"); }
          const controller = new AbortController();
          const { signal } = controller;
          if (what === "released") {
            const guard = await lock.acquire();
            guard.release().catch(() => {});
          } else {
            if (what === "refused") {
              for (const admin of admins.slice(1)) {
                await admin.send("SET", "interlock:{n}:lock", "of another", "PX", "60000");
              }
            }
            const rejected = assert.rejects(lock.acquire({ signal }), { name: "AbortError" });
            for (let turns = i; turns > 0; turns--) await Promise.resolve();
            controller.abort();
            await rejected;
          }
          await lock.close();
          for (const [at, admin] of admins.entries()) {
            const there = (await traces(admin)).filter((key) => !key.endsWith(":lock"));
            assert.deepEqual(there, [], `${what}, round ${i}, server ${at}`);
            const value = await admin.send("GET", "interlock:{n}:lock");
            assert.ok(value === null || value === "of another", `${what}, round ${i}: ${value}`);
            await admin.send("DEL", "interlock:{n}:lock");
          }
        }
      }
    } finally {
      await Promise.all(admins.map((admin) => admin.close()));
      await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
    }
  });
});
