import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { LockLostError } from "../../../src/contract/mod.ts";
import { partOf } from "../../../src/redis/client/names.ts";
import { RedisLock } from "../../../src/redis/mod.ts";
import { type RedisServer, skip } from "../../support/redis_server.ts";
import { startServers, withLocks } from "../suite.ts";
import { until } from "../../support/until.ts";

const DEADLINE = { timeout: 60_000 };
/** The servers of a test are fresh; one of the tests is about that. */
const FRESH = { restartGuard: false, commandTimeout: 5000 };

describe("the guard of a RedisLock of three servers", { skip }, () => {
  const { servers, adapters } = startServers(3);
  let names = 0;

  const test = (
    title: string,
    body: (locks: RedisLock[], name: string) => Promise<void>,
  ) => it(title, DEADLINE, () => withLocks(3, adapters, `quorum upgrade ${++names}`, FRESH, body));
  const waiting = (name: string) =>
    until("a waiter", async () => {
      const queues = await Promise.all(
        adapters.map((adapter) => adapter.send("ZCARD", partOf(name, "queue"))),
      );
      return queues.filter((length) => length === 1).length >= 2;
    });
  const stopped = async (server: RedisServer, body: () => Promise<void>) => {
    server.signal("SIGSTOP");
    try {
      await body();
    } finally {
      server.signal("SIGCONT");
    }
  };

  test("changes its mode again and again, with growing tokens", async ([a, b]) => {
    const guard = await a.acquire();
    let last = guard.token!;
    for (let i = 0; i < 10; i++) {
      await guard.downgrade();
      assert.deepEqual([guard.held, guard.shared, guard.token], [true, true, undefined]);
      assert.equal(await b.tryAcquire(), undefined);
      const other = await b.acquire({ shared: true });
      await other.release();
      // The other sharer may be at a minority of the servers for a moment.
      assert.equal(typeof await guard.upgrade(), "boolean");
      assert.deepEqual([guard.held, guard.shared], [true, false]);
      assert.equal(await b.tryAcquire({ shared: true }), undefined);
      assert.ok(guard.token! > last, `${guard.token} > ${last}`);
      last = guard.token!;
    }
    await guard.release();
    const next = await b.acquire();
    assert.ok(next.token! > last);
    assert.equal(next.recovered, false);
    await next.release();
  });

  test("upgrades in place if no other holder shares the lock", async ([a, b]) => {
    const guard = await a.acquire({ shared: true });
    assert.equal(await guard.upgrade(), true);
    assert.ok(guard.token);
    assert.equal(await b.tryAcquire({ shared: true }), undefined);
    await guard.release();
    await (await b.acquire()).release();
  });

  test("waits for the other sharers in an upgrade", async ([a, b, c], name) => {
    const guard = await a.acquire({ shared: true });
    const other = await b.acquire({ shared: true });
    const upgraded = guard.upgrade();
    await waiting(name);
    assert.equal(guard.held, false);
    await other.release();
    assert.equal(await upgraded, false);
    assert.deepEqual([guard.held, guard.shared], [true, false]);
    assert.equal(await c.tryAcquire({ shared: true }), undefined);
    await guard.release();
    await (await c.acquire()).release();
  });

  test("is lost if an upgrade runs out of time, and leaves nothing behind", async ([a, b, c]) => {
    const guard = await a.acquire({ shared: true });
    const other = await b.acquire({ shared: true });
    await assert.rejects(guard.upgrade({ timeout: 50 }), (error) => {
      assert.ok(error instanceof LockLostError);
      assert.equal((error.cause as Error).name, "TimeoutError");
      return true;
    });
    assert.equal(guard.held, false);
    await guard[Symbol.asyncDispose]();
    await other.release();
    await (await c.acquire()).release();
  });

  test("wakes the waiting sharers by a downgrade", async ([a, b, c], name) => {
    const guard = await a.acquire();
    const waiter = b.acquire({ shared: true });
    await waiting(name);
    await guard.downgrade();
    const other = await waiter;
    assert.ok(other.held && guard.held);
    assert.equal(await c.tryAcquire(), undefined);
    await guard.release();
    await other.release();
    await (await c.acquire()).release();
  });

  for (const down of [0, 1, 2]) {
    test(`changes its mode while server ${down + 1} is stopped`, async ([a, b]) => {
      const guard = await a.acquire();
      await stopped(servers[down], async () => {
        await guard.downgrade();
        await (await b.acquire({ shared: true })).release();
        assert.equal(await b.tryAcquire(), undefined);
        await guard.upgrade();
        assert.deepEqual([guard.held, guard.shared], [true, false]);
        assert.equal(await b.tryAcquire({ shared: true }), undefined);
      });
      assert.equal(guard.held, true);
      await guard.release();
      await (await b.acquire()).release();
    });
  }

  test("is lost if a majority has forgotten it", async ([lock], name) => {
    for (const shared of [false, true]) {
      const guard = await lock.acquire({ shared });
      for (const adapter of adapters.slice(1)) {
        await adapter.send("DEL", partOf(name, "lock"), partOf(name, "shared"));
      }
      if (shared) {
        assert.equal(await guard.upgrade(), false, "it was acquired anew");
        await guard.release();
      } else {
        await assert.rejects(guard.downgrade(), LockLostError);
        assert.equal(guard.held, false);
      }
    }
  });

  test("is upgraded by no server that may have forgotten a sharer", async ([lock], name) => {
    // Old enough to vote. A fresh server has no vote for 3 s.
    const leaseTime = 2000;
    await until("the servers' age", async () => {
      const ages = await Promise.all(adapters.map((adapter) => adapter.send("INFO", "server")));
      return ages.every((info) => Number(/uptime_in_seconds:(\d+)/.exec(`${info}`)?.[1]) > 2);
    });
    await using careful = new RedisLock(adapters, name, { leaseTime, commandTimeout: 800 });
    const guard = await careful.acquire({ shared: true });
    await servers[2].kill();
    await servers[2].start();
    await until("the healed hold", async () => {
      return await adapters[2].send("EXISTS", partOf(name, "shared")).catch(() => 0) === 1;
    });
    await stopped(servers[0], async () => {
      assert.equal(await guard.upgrade(), false, "the fresh server must not vote");
      assert.deepEqual([guard.held, guard.shared], [true, false]);
    });
    await guard.release();
    await (await lock.acquire()).release();
  });
});
