import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { RedisLock } from "../../../src/redis/mod.ts";
import { skip } from "../../support/redis_server.ts";
import { until } from "../../support/until.ts";
import { holdTogether } from "./lock_runs.ts";
import { startServers } from "../../redis/suite.ts";

const DEADLINE = { timeout: 110_000 };

describe("RedisLock with many clients", { skip }, () => {
  const suite = startServers();

  for (const fair of [false, true]) {
    const how = fair ? ", in their order" : "";
    it(
      `has one holder, and loses no update: 16 clients in all runtimes${how}`,
      DEADLINE,
      () => holdTogether(16, 6, { fair }),
    );
  }

  it("wakes one of 1,000 waiters at a time", DEADLINE, async () => {
    const WAITERS = 1000;
    const locks = Array.from(
      { length: WAITERS },
      () => new RedisLock(suite.redis, "crowd", { leaseTime: 60_000 }),
    );
    await using holder = new RedisLock(suite.redis, "crowd", { leaseTime: 60_000 });
    const guard = await holder.acquire();
    let inside = 0;
    const all = locks.map(async (lock) => {
      await using _guard = await lock.acquire();
      assert.equal(++inside, 1);
      await Promise.resolve();
      inside--;
    });
    await until(
      "the crowd",
      async () => await suite.redis.send("ZCARD", "interlock:{crowd}:queue") === WAITERS,
    );
    await suite.redis.send("CONFIG", "RESETSTAT");
    const start = performance.now();
    await guard.release();
    await Promise.all(all);
    const seconds = (performance.now() - start) / 1000;
    const stats = String(await suite.redis.send("INFO", "commandstats"));
    const scripts = Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)![1]);
    // Each asks once when it is woken, and releases. A few ask by themselves, after seconds.
    assert.ok(scripts <= 2 * WAITERS + 1 + WAITERS * seconds / 5, `${scripts} scripts were run`);
    await Promise.all(locks.map((lock) => lock.close()));
  });
});
