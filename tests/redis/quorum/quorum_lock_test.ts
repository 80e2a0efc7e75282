import assert from "node:assert/strict";
import process from "node:process";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { LockLostError } from "../../../src/contract/mod.ts";
import { partOf } from "../../../src/redis/client/names.ts";
import {
  adapterOf,
  MisconfiguredError,
  type RedisAdapter,
  RedisLock,
  type RedisSource,
  UnreachableError,
} from "../../../src/redis/mod.ts";
import { adapter } from "../../../src/runtime/mod.ts";
import { describeAsyncLock } from "../../contract/describe_async_lock.ts";
import { Child, RUN_WITH_PACKAGES } from "../../support/child.ts";
import { RedisServer, skip } from "../../support/redis_server.ts";
import { until } from "../../support/until.ts";
import { renewedAt, startServers } from "../suite.ts";

const DEADLINE = { timeout: 60_000 };
const GIVING_UP = new URL("../fixtures/giving_up_quorum_process.ts", import.meta.url);
/** The servers of a test are fresh; two of the tests are about that. */
const NEW = { restartGuard: false, commandTimeout: 5000 };

describe("RedisLock of several servers", { skip }, () => {
  /** Connected once, for the tests that do not stop or kill servers. */
  const { servers, adapters } = startServers(3);
  let names = 0;

  const urls = () => servers.map(({ url }) => url);
  const name = () => `majority-${++names}`;
  const test = (title: string, body: () => Promise<void>) => it(title, DEADLINE, body);

  /** Runs `body` while some of the servers are down; they come back without their data. */
  const without = async (dead: readonly RedisServer[], body: () => Promise<void>) => {
    await Promise.all(dead.map((server) => server.kill()));
    try {
      await body();
    } finally {
      await Promise.all(dead.map((server) => server.start()));
    }
  };
  /** Runs `body` while a server is stopped. */
  const stopped = async (server: RedisServer, body: () => Promise<void>) => {
    server.signal("SIGSTOP");
    try {
      await body();
    } finally {
      server.signal("SIGCONT");
    }
  };
  /** How many of the servers have this key of the lock. */
  const countAt = async (lock: string, part: "lock" | "queue") => {
    let count = 0;
    for (const redis of adapters) {
      count += Number(await redis.send("EXISTS", partOf(lock, part)));
    }
    return count;
  };

  test("excludes others, and is released at all servers", async () => {
    const lock = name();
    await using mine = new RedisLock(adapters, lock, NEW);
    await using other = new RedisLock(adapters.toReversed(), lock, NEW);
    const guard = await mine.acquire();
    assert.equal(guard.held, true);
    assert.equal(await other.tryAcquire(), undefined);
    assert.equal((await other.owner())?.pid, (await mine.owner())?.pid);
    await assert.rejects(other.acquire({ timeout: 300 }), /holds it/);
    await guard.release();
    await until("the release", async () => await countAt(lock, "lock") === 0);
    assert.equal(await mine.owner(), undefined);
    const next = await other.tryAcquire();
    assert.ok(next);
    assert.ok(next.token! > guard.token!);
    await next.release();
  });

  test("wakes a waiter by its release, long before the lease could end", async () => {
    const lock = name();
    const options = { ...NEW, leaseTime: 60_000 };
    await using mine = new RedisLock(adapters, lock, options);
    await using other = new RedisLock(adapters, lock, options);
    const guard = await mine.acquire();
    const waiting = other.acquire();
    await until("the waiter", async () => await countAt(lock, "queue") >= 2);
    await guard.release();
    await (await waiting).release();
    await until("the release", async () => await countAt(lock, "lock") === 0);
  });

  test("works without one of three servers", async () => {
    const lock = name();
    await without(servers.slice(2), async () => {
      await using mine = new RedisLock(urls(), lock, NEW);
      await using other = new RedisLock(urls(), lock, NEW);
      const guard = await mine.acquire();
      assert.equal(await other.tryAcquire(), undefined);
      await guard.release();
      await (await other.acquire()).release();
    });
  });

  test("says in bounded time which servers are missing, if they are too many", async () => {
    const lock = name();
    const options = { ...NEW, leaseTime: 400, commandTimeout: 600 };
    await using mine = new RedisLock(urls(), lock, options);
    await using kept = new RedisLock(urls(), lock, { ...options, leaseTime: 600_000 });
    const once = (lock: RedisLock) => lock.acquire().then((guard) => guard.release());
    for (const each of [mine, kept]) {
      await until("the connections", () => once(each).then(() => true, () => false));
    }
    await without(servers.slice(1), async () => {
      for (
        const attempt of [
          () => mine.tryAcquire(),
          () => mine.acquire({ timeout: 200 }),
          () => mine.acquire(),
          () => kept.tryAcquire(),
        ]
      ) {
        await assert.rejects(attempt(), (error: unknown) => {
          assert.ok(error instanceof UnreachableError, String(error));
          assert.match(error.message, /2 of 3 servers do not vote, and 2 must/);
          for (const { port } of servers.slice(1)) {
            assert.ok(error.message.includes(`127.0.0.1:${port}: `), error.message);
          }
          assert.ok(error.cause instanceof AggregateError);
          assert.equal(error.cause.errors.length, 2);
          return true;
        });
      }
      // The vote of the one server was released.
      const redis = adapterOf(urls()[0]);
      await until("the release", async () => {
        return await redis.send("EXISTS", partOf(lock, "lock")) === 0;
      });
      await redis.close();
    });
  });

  test("decides a tie of two servers, and releases the vote it has", async () => {
    const lock = name();
    const [a, b] = adapters;
    await using one = new RedisLock(a, lock);
    await using two = new RedisLock(b, lock, { leaseTime: 60_000 });
    await using both = new RedisLock([a, b], lock, { ...NEW, leaseTime: 60_000 });
    const guard = await two.acquire();
    assert.equal(await both.tryAcquire(), undefined);
    // If the vote of `a` were kept, it would be for a minute.
    await (await one.acquire({ timeout: 20_000 })).release();
    const waiting = both.acquire();
    await assert.rejects(both.acquire({ timeout: 50 }), { name: "TimeoutError" });
    await guard.release();
    await (await waiting).release();
  });

  test("two clients that split the votes of two or four servers get it one after the other", async () => {
    await using fourth = await RedisServer.start();
    for (const some of [adapters.slice(0, 2), [...adapters, fourth.url]]) {
      const lock = name();
      let inside = 0;
      let most = 0;
      const contend = async (order: RedisSource[]) => {
        await using mine = new RedisLock(order, lock, NEW);
        for (let i = 0; i < 10; i++) {
          await using _guard = await mine.acquire();
          most = Math.max(most, ++inside);
          await Promise.resolve();
          inside--;
        }
      };
      await Promise.all([contend(some), contend(some.toReversed()), contend(some)]);
      assert.equal(most, 1);
    }
  });

  test("mints growing tokens, whichever servers are up", async () => {
    const lock = name();
    await using mine = new RedisLock(urls(), lock, NEW);
    await using other = new RedisLock(urls(), lock, NEW);
    // One server is far ahead of the others, as if by its clock.
    const redis = adapterOf(urls()[0]);
    await redis.send("HSET", partOf(lock, "token"), "token", "4000000000000000");
    await redis.close();
    let last = 4_000_000_000_000_000;
    for (let i = 0; i < 6; i++) {
      const hold = async () => {
        const guard = await (i % 2 === 0 ? mine : other).acquire();
        // The first one waits for a majority, which may not include the one ahead.
        if (i > 0) assert.ok(guard.token! > last, `${guard.token} after ${last}`);
        last = guard.token!;
        await guard.release();
      };
      if (i === 0) await hold();
      else await stopped(servers[i % 3], hold);
      // A late vote of the server that was stopped would divide the next ones.
      await until("the release", async () => await countAt(lock, "lock") === 0);
    }
    assert.ok(last > 4_000_000_000_000_000);
  });

  test("is renewed by the majority, and lost with it", async () => {
    const lock = name();
    const options = { ...NEW, leaseTime: 2400, commandTimeout: 800 };
    await using mine = new RedisLock(urls(), lock, options);
    const guard = await mine.acquire();
    await without(servers.slice(2), async () => {
      await renewedAt(adapters[0], partOf(lock, "lock"), 2);
      assert.equal(guard.held, true, "one server less must be harmless");
      await without(servers.slice(1, 2), async () => {
        await until("the loss", () => guard.signal.aborted);
        assert.ok(guard.signal.reason instanceof LockLostError);
        await assert.rejects(guard.release(), LockLostError);
      });
    });
  });

  test("gets back the vote of a server that has lost it", async () => {
    const lock = name();
    await using mine = new RedisLock(urls(), lock, { ...NEW, leaseTime: 3000 });
    const guard = await mine.acquire();
    await without(servers.slice(2), async () => {});
    await until("all votes", async () => await countAt(lock, "lock") === 3);
    await guard.release();
    await until("the release", async () => await countAt(lock, "lock") === 0);
  });

  test("does not count votes of servers that may have forgotten theirs", async () => {
    const lock = name();
    const options = { leaseTime: 30_000, commandTimeout: 5000 };
    await using mine = new RedisLock(urls(), lock, { ...options, ...NEW });
    const guard = await mine.acquire();
    await without(servers.slice(1), async () => {});
    await using careful = new RedisLock(urls(), lock, options);
    await using careless = new RedisLock(urls(), lock, { ...options, ...NEW });
    assert.equal(await careful.tryAcquire(), undefined);
    await assert.rejects(careful.acquire({ timeout: 100 }), {
      name: "TimeoutError",
      message: /has been up for \d+ s and may have forgotten a holder/,
    });
    const second = await careless.tryAcquire();
    assert.ok(second, "the guard prevents this");
    assert.equal(guard.held, true);
    await second.release();
    await guard.release().catch(() => {});
  });

  test("works without a stopped server, and keeps no late vote of it", async () => {
    const lock = name();
    await using mine = new RedisLock(urls(), lock, { ...NEW, leaseTime: 20_000 });
    await using other = new RedisLock(urls(), lock, { ...NEW, leaseTime: 20_000 });
    await stopped(servers[1], async () => {
      const guard = await mine.acquire();
      assert.equal(await other.tryAcquire(), undefined);
      await guard.release();
    });
    // Late votes are released as well.
    await until("the release", async () => await countAt(lock, "lock") === 0);
  });

  test("distinguishes misconfigured servers from busy ones", async () => {
    const lock = name();
    await using mine = new RedisLock(adapters, lock, NEW);
    for (const [i, redis] of adapters.slice(1).entries()) {
      await redis.send("LPUSH", partOf(lock, "lock"), "something else");
      if (i === 0) await (await mine.acquire()).release();
    }
    await assert.rejects(mine.acquire(), (error: unknown) => {
      assert.ok(error instanceof MisconfiguredError, String(error));
      assert.equal(error.code, "WRONGTYPE");
      return true;
    });
  });

  test("can be shared", async () => {
    const lock = name();
    await using mine = new RedisLock(adapters, lock, NEW);
    await using other = new RedisLock(adapters, lock, NEW);
    const [one, two] = [
      await mine.acquire({ shared: true }),
      await other.acquire({ shared: true }),
    ];
    assert.equal(await other.tryAcquire(), undefined);
    const waiting = mine.acquire();
    await one.release();
    await two.release();
    await (await waiting).release();
  });

  test("leaves no queue behind if a server asks for a script after the abort", async () => {
    const lock = name();
    const { promise: isAborted, resolve: abort } = Promise.withResolvers<void>();
    let isQueued = false;
    const forgetful: RedisAdapter = {
      async send(command, ...args) {
        const isWaiter = args.some((arg) => /^w:/.test(arg));
        if (command === "EVALSHA" && isWaiter && !isQueued) {
          isQueued = true;
          await isAborted;
          throw new Error("NOSCRIPT No matching script.");
        }
        return await adapters[2].send(command, ...args);
      },
      subscribe: (channel, listener) => adapters[2].subscribe(channel, listener),
      close: () => Promise.resolve(),
    };
    await using other = new RedisLock(adapters, lock, NEW);
    await using mine = new RedisLock([...adapters.slice(0, 2), forgetful], lock, NEW);
    const guard = await other.acquire();
    const controller = new AbortController();
    const waiting = mine.acquire({ signal: controller.signal });
    await until("the waiter", async () => isQueued && await countAt(lock, "queue") === 2);
    await sleep(50); // The two have answered, so the third is not waited for.
    controller.abort();
    await assert.rejects(waiting, { name: "AbortError" });
    await sleep(50); // The withdrawal would be sent by now.
    abort();
    await mine.close();
    assert.equal(await countAt(lock, "queue"), 0);
    await guard.release();
  });

  test("does not keep a process alive after its wait was given up", async () => {
    await using child = new Child(process.execPath, RUN_WITH_PACKAGES[adapter.name], GIVING_UP, [
      urls()[0],
    ]);
    await child.line();
    assert.equal((await child.ended).code, 0);
  });

  it("refuses options that several servers cannot support", () => {
    for (const sources of [[], ["redis://127.0.0.1", "redis://127.0.0.1"]]) {
      assert.throws(() => new RedisLock(sources, "a"), TypeError);
    }
    const two = ["redis://127.0.0.1:1", "redis://127.0.0.1:2"];
    assert.throws(() => new RedisLock(two, "a", { fair: true }), /option fair/);
    const replicas = { count: 1, timeout: 100 };
    assert.throws(() => new RedisLock(two, "a", { replicas }), /option replicas/);
  });
});

const { adapters: contractAdapters } = startServers(3);

let locks = 0;
describeAsyncLock("RedisLock of three servers", () => {
  const name = `contract-${++locks}`;
  const [lock, other] = [1, 2].map(() => new RedisLock(contractAdapters, name, NEW));
  const close = async () => void await Promise.all([lock.close(), other.close()]);
  return Promise.resolve({ lock, other, close });
}, skip);
