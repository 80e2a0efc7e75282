import assert from "node:assert/strict";
import process from "node:process";
import { after, before, describe, it } from "node:test";
import { adapter } from "../../../src/runtime/mod.ts";
import { Child, RUN_WITH_PACKAGES } from "../../support/child.ts";
import { adapterOf, type RedisAdapter, RedisLock } from "../../../src/redis/mod.ts";
import { RedisServer, skip } from "../../support/redis_server.ts";
import { until } from "../../support/until.ts";
import { startServers } from "../suite.ts";

const CLOSING = new URL("../fixtures/closing_process.ts", import.meta.url);
const REFUSED = new URL("../fixtures/refused_subscriber_process.ts", import.meta.url);
const DEADLINE = { timeout: 60_000 };

describe("an adapter that is closed while it connects", { skip }, () => {
  let server: RedisServer;
  before(async () => server = await RedisServer.start());
  after(() => server?.[Symbol.asyncDispose]());

  for (const what of ["ping", "subscribe"]) {
    for (const there of [true, false]) {
      const title = `by ${what}, to a server that is ${there ? "" : "not "}there`;
      it(`${title}, keeps no process alive`, DEADLINE, async () => {
        const url = there ? server.url : "redis://127.0.0.1:1";
        await Promise.all(["0", "40"].map(async (ms) => {
          const flags = RUN_WITH_PACKAGES[adapter.name];
          await using child = new Child(process.execPath, flags, CLOSING, [url, what, ms]);
          assert.equal(await child.line(), "closed");
          assert.equal((await child.ended).code, 0);
        }));
      });
    }
  }

  it("by subscribe, with a client of ioredis, keeps no process alive", DEADLINE, async () => {
    const flags = RUN_WITH_PACKAGES[adapter.name];
    await using child = new Child(process.execPath, flags, REFUSED, []);
    assert.equal(await child.line(), "UnreachableError");
    assert.equal((await child.ended).code, 0);
  });
});

describe("an adapter of a user", { skip }, () => {
  const suite = startServers();

  it("keeps no subscription that it confirms after the close", DEADLINE, async () => {
    const { redis } = suite;
    const asked = Promise.withResolvers<void>();
    const confirmed = Promise.withResolvers<void>();
    const written: RedisAdapter = {
      send: (command, ...args) => redis.send(command, ...args),
      async subscribe(channel, listener) {
        const end = await redis.subscribe(channel, listener);
        asked.resolve();
        await confirmed.promise;
        return end;
      },
      close: () => Promise.resolve(),
    };
    const slow = adapterOf(written);
    await using holder = new RedisLock(redis, "n");
    await using guard = await holder.acquire();
    const lock = new RedisLock(slow, "n");
    const given = new AbortController();
    const waiting = lock.acquire({ signal: given.signal });
    await asked.promise;
    given.abort();
    await assert.rejects(waiting, { name: "AbortError" });
    await lock.close();
    await slow.close();
    assert.equal(guard.held, true);
    confirmed.resolve();
    await until("no channel", async () => {
      return (await redis.send("PUBSUB", "CHANNELS") as string[]).length === 0;
    });
  });
});
