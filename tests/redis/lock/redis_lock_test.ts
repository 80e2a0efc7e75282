import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { LockLostError } from "../../../src/contract/mod.ts";
import { LOOK_MS } from "../../../src/redis/lease/server_times.ts";
import {
  adapterOf,
  MisconfiguredError,
  RedisLock,
  type RedisLockOptions,
  type RedisSource,
} from "../../../src/redis/mod.ts";
import { describeAsyncLock } from "../../contract/describe_async_lock.ts";
import { RedisServer, skip } from "../../support/redis_server.ts";
import { until } from "../../support/until.ts";
import { CLIENTS } from "../clients.ts";
import { givingUpProcess } from "../redis_process.ts";

let server: RedisServer;
if (skip === false) {
  before(async () => server = await RedisServer.start());
  after(() => server[Symbol.asyncDispose]());
}

let names = 0;
const variants: Record<string, RedisLockOptions> = {
  "": {},
  ", fair": { fair: true },
  ", local": { localHandOff: true },
};
for (const [client, connect] of Object.entries(CLIENTS)) {
  for (const [variant, options] of Object.entries(variants)) {
    if (variant !== "" && client !== "node-redis") continue;
    describeAsyncLock(`RedisLock by ${client}${variant}`, async () => {
      const name = `contract ${++names}`;
      const sources = [await connect(server.url), await connect(server.url)];
      const [lock, other] = sources.map(({ source }) => new RedisLock(source, name, options));
      return {
        lock,
        other,
        async close() {
          await Promise.all([lock.close(), other.close()]);
          await Promise.all(sources.map((source) => source[Symbol.asyncDispose]()));
        },
      };
    }, skip);
  }
}

describe("RedisLock", () => {
  it("ends its guards when it is closed; their disposal then does nothing", { skip }, async () => {
    const lock = new RedisLock(server.url, "closed while it is held");
    const reason = new Error("mine");
    await assert.rejects(async () => {
      await using guard = await lock.acquire();
      await lock.close();
      assert.equal(guard.held, false);
      throw reason;
    }, (error) => error === reason);
  });

  it("refuses wrong options", () => {
    const make = (options: object) => () => new RedisLock("redis://127.0.0.1:1", "a", options);
    for (
      const options of [
        ...[0, 9, 1.5, NaN, Infinity, -1].map((leaseTime) => ({ leaseTime })),
        ...[0, -1, NaN].map((maxHold) => ({ maxHold })),
        ...[0, 1.5, 2e6].map((holds) => ({ localHandOff: { holds } })),
        { localHandOff: { time: -1 } },
        { replicas: { count: 0, timeout: 10 } },
        { replicas: { count: 1, timeout: 0 } },
        { leaseTime: 100, replicas: { count: 1, timeout: 100 } },
        { label: "x".repeat(101) },
      ]
    ) assert.throws(make(options), RangeError, JSON.stringify(options));
    for (
      const options of [
        { leaseTime: "1" },
        { maxHold: null },
        { shared: 1 },
        { fair: "yes" },
        { reentrant: 0 },
        { localHandOff: 1 },
        { localHandOff: true, reentrant: true },
      ]
    ) assert.throws(make(options), TypeError, JSON.stringify(options));
    assert.throws(() => new RedisLock("redis://127.0.0.1:1", ""), TypeError);
    assert.throws(() => new RedisLock({} as RedisSource, "a"), MisconfiguredError);
  });

  it("names its holder, and since when", { skip }, async () => {
    await using lock = new RedisLock(server.url, "owner", { label: "me" });
    await using other = new RedisLock(server.url, "owner");
    assert.equal(await other.owner(), undefined);
    const earliest = Date.now() - 1;
    const guard = await lock.acquire();
    const owner = await other.owner();
    assert.equal(owner?.label, "me");
    assert.equal(owner?.pid, (await lock.owner())?.pid);
    assert.match(owner!.runtime!, /^(deno|bun|node) \d/);
    const since = owner!.since!.getTime();
    assert.ok(since >= earliest && since <= Date.now() + 1, `${since}`);
    await assert.rejects(other.acquire({ timeout: 0 }), /"me".* holds it/);
    await guard.release();
    assert.equal(await other.owner(), undefined);
  });

  it("leaves only the last token behind", { skip }, async () => {
    await using lock = new RedisLock(server.url, "tidy");
    await using other = new RedisLock(server.url, "tidy");
    const guard = await lock.acquire();
    const waiting = other.acquire();
    await assert.rejects(other.acquire({ timeout: 20 }), { name: "TimeoutError" });
    await assert.rejects(lock.acquire({ timeout: 20, shared: true }), { name: "TimeoutError" });
    await guard.release();
    await (await waiting).release();
    await (await lock.acquire({ shared: true })).release();
    const redis = adapterOf(server.url);
    const keys = await redis.send("KEYS", "interlock:{tidy}:*");
    await redis.close();
    assert.deepEqual(keys, ["interlock:{tidy}:token"]);
  });

  it("does not keep a process alive after its wait was given up", { skip }, async () => {
    await using child = givingUpProcess(server.url);
    assert.equal(await child.line(), "closed");
    const start = performance.now();
    assert.equal((await child.ended).code, 0);
    const lingered = performance.now() - start;
    assert.ok(lingered < LOOK_MS - 1000, `It was there for ${lingered} ms more`);
  });

  it("releases a grant that comes while it is closed", { skip }, async () => {
    for (let i = 0; i < 10; i++) {
      const lock = new RedisLock(server.url, "closing late");
      await using other = new RedisLock(server.url, "closing late");
      await (await lock.acquire()).release();
      const late = [lock.acquire(), lock.tryAcquire(), lock.acquire({ shared: true })];
      const settled = Promise.allSettled(late);
      if (i % 2) await Promise.resolve();
      await lock.close();
      await settled;
      await (await other.tryAcquire())!.release();
    }
  });

  it("releases its holds and ends its waits when it is closed", { skip }, async () => {
    const lock = new RedisLock(server.url, "closing");
    await using other = new RedisLock(server.url, "closing");
    const guard = await lock.acquire();
    const waiting = lock.acquire();
    waiting.catch(() => {});
    const second = lock.acquire({ timeout: 60_000 });
    second.catch(() => {});
    await until("the holder", () => lock.owner());
    await lock.close();
    await lock.close();
    await assert.rejects(waiting, /closed/);
    await assert.rejects(second, /closed/);
    await assert.rejects(lock.acquire(), /closed/);
    await assert.rejects(lock.tryAcquire(), /closed/);
    assert.equal(guard.held, false);
    const isTold = (error: Error) =>
      error instanceof LockLostError && /closed while it was held/.test(String(error.cause));
    await assert.rejects(guard.release(), isTold);
    const next = await other.tryAcquire();
    assert.ok(next);
    await next.release();
  });
});
