import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { UnsupportedError } from "../../../src/contract/mod.ts";
import { RedisCounter, RefusedError, UnreachableError } from "../../../src/redis/mod.ts";
import { loadNodeRedis } from "../../../src/redis/client/node_redis_address.ts";
import { Proxy } from "../../support/proxy.ts";
import { RedisServer, skip } from "../../support/redis_server.ts";
import { until } from "../../support/until.ts";
import { CLIENTS } from "../clients.ts";
import { addUserWithoutScripts, startServers } from "../suite.ts";

const isUnreachable = (mayHaveHappened: boolean) => (error: unknown) => {
  assert.ok(error instanceof UnreachableError, String(error));
  assert.equal(error.mayHaveHappened, mayHaveHappened, error.message);
  return true;
};

/** Cuts the connection at each add: before the server gets it, or before its answer. */
function cutAdds(proxy: Proxy, where: "request" | "reply"): void {
  let isAdd = false;
  proxy.onRequest = (bytes) => {
    isAdd = /INCRBY|EVAL/.test(bytes);
    return isAdd && where === "request" ? "cut" : "pass";
  };
  proxy.onReply = () => isAdd ? "cut" : "pass";
}

/** Lets everything pass. */
function heal(proxy: Proxy): void {
  proxy.onRequest = proxy.onReply = () => "pass";
}

for (const [name, connect] of Object.entries(CLIENTS)) {
  describe(`a RedisCounter by ${name} with faults`, { skip }, () => {
    const suite = startServers();

    it("says that an add may have happened if its answer was cut off", async () => {
      await using proxy = await Proxy.start(suite.server.port);
      await using client = await connect(proxy.url);
      await using counter = new RedisCounter(client.source, "honest");
      await counter.add();
      for (const [where, stored] of [["reply", "2"], ["request", "2"]] as const) {
        cutAdds(proxy, where);
        await assert.rejects(counter.add(), isUnreachable(true));
        heal(proxy);
        assert.equal(await suite.redis.send("GET", "honest"), stored);
      }
      assert.equal(await counter.add(), 3);
    });

    it("counts operations once, wherever the connection is cut", async () => {
      await using proxy = await Proxy.start(suite.server.port);
      await using client = await connect(proxy.url);
      await using counter = new RedisCounter(client.source, "exact");
      let left = 0;
      const maybeCut = () => left-- === 0 ? "cut" as const : "pass" as const;
      proxy.onReply = proxy.onRequest = maybeCut;
      const seen: number[] = [];
      for (let i = 1; i <= 12; i++) {
        left = i % 4;
        seen.push(await counter.add(1, { operation: `${i}` }));
      }
      left = -1;
      assert.deepEqual(seen, Array.from({ length: 12 }, (_, i) => i + 1));
      assert.equal(await suite.redis.send("GET", "exact"), "12");
      assert.ok(proxy.connections > 5, "it was cut");
    });

    it("keeps the collected adds while the server is down, and counts them once", async () => {
      await using proxy = await Proxy.start(suite.server.port);
      await using client = await connect(proxy.url);
      await using counter = new RedisCounter(client.source, "collected");
      const reports: [unknown, number][] = [];
      const collected = counter.coalesced({
        flushEvery: 5,
        onError: (error, pending) => reports.push([error, pending]),
      });
      cutAdds(proxy, "reply");
      collected.add(7);
      await until("two reports", () => reports.length >= 2);
      assert.equal(collected.pending, 7);
      assert.ok(reports.every(([error, n]) => error instanceof UnreachableError && n === 7));
      collected.add(1);
      assert.equal(collected.pending, 8);
      await assert.rejects(collected.flush(), UnreachableError);
      heal(proxy);
      await collected.close();
      assert.equal(collected.pending, 0);
      assert.equal(await suite.redis.send("GET", "collected"), "8");
    });

    it("continues after the server was killed, with AOF", async () => {
      await using own = await RedisServer.start({ appendOnly: true });
      await using client = await connect(own.url);
      await using counter = new RedisCounter(client.source, "n");
      let acknowledged = 0;
      let unknown = 0;
      let isUp = true;
      const adders = Array.from({ length: 4 }, async (_, adder) => {
        for (let i = 0; isUp || i < 40; i++) {
          const operation = adder < 2 ? `${adder}-${i}` : undefined;
          await counter.add(1, operation === undefined ? undefined : { operation }).then(
            () => acknowledged++,
            (error) => {
              assert.equal(operation, undefined, `an operation is tried again: ${error}`);
              if (error instanceof RefusedError && error.code === "LOADING") return;
              assert.ok(error instanceof UnreachableError, String(error));
              if (error.mayHaveHappened) unknown++;
            },
          );
        }
      });
      await until("some adds", () => acknowledged > 20);
      await own.kill();
      await own.start();
      isUp = false;
      await Promise.all(adders);
      const value = await counter.get();
      assert.ok(value >= acknowledged && value <= acknowledged + unknown, `${value}`);
    });
  });
}

describe("a RedisCounter without the rights", { skip }, () => {
  const suite = startServers(1, { password: "secret" });

  const refusal = (code: string) => (error: unknown) => {
    assert.ok(error instanceof RefusedError, String(error));
    assert.equal(error.code, code);
    return true;
  };
  const addressOf = (user: string) => suite.server.url.replace(":secret@", `${user}@`);

  it("says that a password is missing or wrong", async () => {
    await using without = new RedisCounter(addressOf(""), "n");
    await assert.rejects(without.add(), refusal("NOAUTH"));
    await using wrong = new RedisCounter(addressOf("somebody:else"), "n");
    await assert.rejects(wrong.add(), refusal("WRONGPASS"));
    await assert.rejects(wrong.get(), refusal("WRONGPASS"));
  });

  it("says that the user has no right to the key", async () => {
    await suite.redis.send("ACL", "SETUSER", "other", "on", ">pw", "~other:*", "+@all");
    await using counter = new RedisCounter(addressOf("other:pw"), "n");
    await assert.rejects(counter.add(), refusal("NOPERM"));
    await assert.rejects(counter.get(), refusal("NOPERM"));
    await using own = new RedisCounter(addressOf("other:pw"), "other:n");
    assert.equal(await own.add(), 1);
  });

  it("works without scripts as far as possible", async () => {
    await addUserWithoutScripts(suite.redis);
    await using counter = new RedisCounter(addressOf("plain:pw"), "plain");
    assert.deepEqual(await Promise.all([counter.add(2), counter.add(3)]), [2, 5]);
    assert.equal(await counter.get(), 5);
    await suite.redis.send("SET", "plain", `${Number.MAX_SAFE_INTEGER}`);
    await assert.rejects(counter.add(), RangeError);
    assert.equal(await counter.get(), Number.MAX_SAFE_INTEGER);
    await assert.rejects(counter.add(1, { operation: "a" }), UnsupportedError);
    await assert.rejects(counter.set(1), UnsupportedError);
    await using bounded = new RedisCounter(addressOf("plain:pw"), "bounded", { max: 3 });
    await assert.rejects(bounded.add(), UnsupportedError);
  });

  it("says that the server is a replica", async () => {
    await using master = await RedisServer.start();
    await using replica = await RedisServer.start({ replicaOf: master.port });
    await using counter = new RedisCounter(replica.url, "n");
    await assert.rejects(counter.add(), refusal("READONLY"));
  });
});

describe("a RedisCounter with a slow server", { skip }, () => {
  it("drops a late answer", async () => {
    await using server = await RedisServer.start();
    await using proxy = await Proxy.start(server.port);
    await using counter = new RedisCounter(proxy.url, "late", { commandTimeout: 2000 });
    await until("the connection", () => counter.get().then(() => true, () => false));
    await counter.add();
    proxy.onReply = () => "hold";
    await assert.rejects(counter.add(10), isUnreachable(true));
    proxy.onReply = () => "pass";
    proxy.letGo();
    assert.equal(await until("an answer in time", () => counter.get().catch(() => 0)), 11);
    assert.equal(await counter.add(), 12);
    assert.equal(await counter.get(), 12);
  });
});

describe("a RedisCounter without a server", () => {
  it("says that it is missing, and that nothing has happened", async () => {
    await loadNodeRedis(); // On a busy machine, that may take longer than the time below.
    const options = { commandTimeout: 400 };
    const counter = new RedisCounter("redis://127.0.0.1:1", "n", options);
    await assert.rejects(counter.add(), isUnreachable(false));
    await assert.rejects(counter.get(), {
      name: "UnreachableError",
      message:
        /^Cannot read the counter "n": no connection .*ECONNREFUSED.*\. Nothing was changed$/,
    });
    await assert.rejects(counter.add(1, { operation: "a", retryFor: 50 }), isUnreachable(false));
    const collected = counter.coalesced();
    collected.add(3);
    await assert.rejects(collected.flush(), isUnreachable(false));
    assert.equal(collected.pending, 3);
    await assert.rejects(counter.close(), isUnreachable(false)); // They are lost.
  });
});
