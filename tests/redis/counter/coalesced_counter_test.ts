import assert from "node:assert/strict";
import process from "node:process";
import { beforeEach, describe, it } from "node:test";
import { COUNTER } from "../../../src/redis/counter/counter_scripts.ts";
import {
  adapterOf,
  MisconfiguredError,
  RedisCounter,
  UnreachableError,
} from "../../../src/redis/mod.ts";
import { adapter } from "../../../src/runtime/mod.ts";
import { Child, RUN_WITH_PACKAGES } from "../../support/child.ts";
import { RedisServer, skip } from "../../support/redis_server.ts";
import { until } from "../../support/until.ts";
import { startServers } from "../suite.ts";

const EDGE = Number.MAX_SAFE_INTEGER;
const PROCESS = new URL("../fixtures/collecting_process.ts", import.meta.url);

function processOf(url: string, how: string): Child {
  return new Child(process.execPath, RUN_WITH_PACKAGES[adapter.name], PROCESS, [url, how]);
}

describe("a coalesced counter", { skip }, () => {
  const suite = startServers();
  beforeEach(() => suite.redis.send("FLUSHALL"));
  const stored = async () => Number(await suite.redis.send("GET", "n"));

  it("sends by itself what a flush could not send", async () => {
    await suite.redis.send("SET", "n", "text");
    await using counter = new RedisCounter(suite.server.url, "n");
    const collected = counter.coalesced({ flushEvery: 50 });
    collected.add(5);
    collected.add(-5);
    collected.add(7);
    await assert.rejects(collected.flush(), MisconfiguredError);
    await Promise.allSettled([collected.flush(), collected.flush()]);
    assert.equal(collected.pending, 7);
    await suite.redis.send("SET", "n", "1");
    await until("the next try", () => collected.pending === 0);
    assert.equal(await stored(), 8);
  });

  it("sends what it has collected while a server was absent, exactly", async () => {
    await using own = await RedisServer.start({ appendOnly: true });
    await using counter = new RedisCounter(own.url, "n", { commandTimeout: 500 });
    const collected = counter.coalesced({ flushEvery: 20 });
    collected.add(5);
    await until("the first", () => collected.pending === 0);
    await own.kill();
    collected.add(1);
    await assert.rejects(collected.flush(), UnreachableError);
    collected.add(1);
    await own.start();
    await until("the next try", () => collected.pending === 0);
    const admin = adapterOf(own.url);
    assert.equal(await admin.send("GET", "n"), "7");
    await admin.close();
  });

  it("sends adds that were beyond 2^53 with later ones, as soon as they fit", async () => {
    await suite.redis.send("SET", "n", `${EDGE - 10}`);
    await using counter = new RedisCounter(suite.server.url, "n");
    const collected = counter.coalesced({ flushEvery: 60_000 });
    collected.add(20);
    await assert.rejects(collected.flush(), { name: "RangeError", message: /beyond 2\^53/ });
    assert.equal(collected.pending, 20);
    collected.add(1);
    await assert.rejects(collected.flush(), RangeError);
    assert.equal(await stored(), EDGE - 10);
    collected.add(-12);
    assert.equal(await collected.flush(), EDGE - 1);
    collected.add(5);
    await assert.rejects(collected.flush(), RangeError);
    await counter.set(100); // Another way to make room.
    assert.equal(await collected.flush(), 105);
    assert.equal(collected.pending, 0);
  });

  it("collects no more than it can send", async () => {
    await suite.redis.send("SET", "n", "1");
    await using counter = new RedisCounter(suite.server.url, "n");
    const collected = counter.coalesced({ flushEvery: 60_000 });
    collected.add(EDGE);
    await assert.rejects(collected.flush(), RangeError);
    assert.throws(() => collected.add(1), {
      name: "RangeError",
      message: /the sum would be beyond/,
    });
    assert.equal(collected.pending, EDGE);
    const flushing = collected.flush();
    assert.throws(() => collected.add(1), RangeError);
    collected.add(-1);
    await assert.rejects(flushing, RangeError);
    assert.equal(await collected.flush(), EDGE);
  });

  it("counts no old copy of a parcel that was refused", async () => {
    const bounds = [`${-EDGE}`, `${EDGE}`, "0", "0", "", "60000"];
    const send = (n: number, parcel: number) =>
      COUNTER.run(suite.redis, ["n", "record"], [`${n}`, `${-n}`, ...bounds, `${parcel}`]);
    for (const [near, n] of [[EDGE - 2, 5], [100, EDGE]]) { // Refused after and before INCRBY.
      await suite.redis.send("FLUSHALL");
      assert.equal(await send(3, 1), 3);
      await suite.redis.send("SET", "n", `${near}`);
      const refused = ["beyond", `${near}`];
      assert.deepEqual(await send(n, 2), refused);
      await suite.redis.send("SET", "n", "0");
      assert.deepEqual(await send(n, 2), refused, "its answer was lost");
      assert.equal(await send(3, 1), `${near}`, "an old copy");
      assert.equal(await stored(), 0);
      assert.equal(Number(await send(n, 3)), n);
      assert.equal(await send(n, 2), `${n}`, "an old copy");
      assert.equal(await stored(), n);
    }
  });

  it("is closed by its counter, which reports lost adds", async () => {
    await suite.redis.send("SET", "n", "text");
    const counter = new RedisCounter(suite.server.url, "n");
    const collected = [1, 2, 0].map((n) => {
      const one = counter.coalesced({ flushEvery: 5 });
      if (n > 0) one.add(n);
      return one;
    });
    await assert.rejects(counter.close(), MisconfiguredError);
    assert.deepEqual(collected.map(({ pending }) => pending), [1, 2, 0]);
    for (const one of collected) assert.throws(() => one.add(), /closed/);
    await assert.rejects(collected[0].close(), UnreachableError);
  });
});

describe("a process with collected adds", { skip }, () => {
  const suite = startServers();
  beforeEach(() => suite.redis.send("FLUSHALL"));

  it("sends them before it ends by itself", async () => {
    await using child = processOf(suite.server.url, "ends");
    const { code, stderr } = await child.ended;
    assert.equal(code, 0, stderr);
    assert.equal(await suite.redis.send("GET", "n"), "5");
  });

  it("loses those that are pending when it exits", async () => {
    await using child = processOf(suite.server.url, "exits");
    const { code, stderr } = await child.ended;
    assert.equal(code, 0, stderr);
    assert.equal(await suite.redis.send("GET", "n"), "5");
  });

  it("is told of them by close if there is no server, and ends", async () => {
    await using child = processOf("redis://127.0.0.1:1", "closes");
    assert.equal(await child.line(), "UnreachableError 5");
    const { code, stderr } = await child.ended;
    assert.equal(code, 0, stderr);
  });

  it("has counted a parcel all or not at all when it is killed", async () => {
    await using child = processOf(suite.server.url, "is killed");
    let told = 0;
    while (told < 5000) told = Number(await child.line());
    child.kill();
    await child.ended;
    const value = Number(await suite.redis.send("GET", "n"));
    assert.equal(value % 100, 0);
    assert.ok(value >= told, `${value} after ${told}`);
  });
});
