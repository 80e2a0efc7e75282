import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { LockLostError, UnsupportedError } from "../../../src/contract/mod.ts";
import {
  adapterOf,
  MisconfiguredError,
  RedisLock,
  RefusedError,
  UnreachableError,
} from "../../../src/redis/mod.ts";
import { Proxy } from "../../support/proxy.ts";
import { RedisServer, skip } from "../../support/redis_server.ts";
import { until } from "../../support/until.ts";
import { CLIENTS } from "../clients.ts";
import { startServers } from "../suite.ts";

const DEADLINE = { timeout: 60_000 };

describe("RedisLock with faults", { skip }, () => {
  const suite = startServers(1, { config: ["--repl-diskless-sync-delay", "0"] });

  const at = (name: string) => suite.redis.send("GET", `interlock:{${name}}:lock`);

  for (const [client, connect] of Object.entries(CLIENTS)) {
    it(`acquires the lock once if the answer was cut off: ${client}`, DEADLINE, async () => {
      const name = `cut ${client}`;
      await using proxy = await Proxy.start(suite.server.port);
      await using source = await connect(proxy.url);
      await using lock = new RedisLock(source.source, name);
      await (await lock.acquire()).release(); // The server knows the scripts.
      let cut = false;
      proxy.onReply = () => {
        if (cut) return "pass";
        cut = true;
        return "cut";
      };
      const guard = await lock.acquire();
      assert.equal(cut, true);
      assert.equal(guard.held, true);
      assert.equal(
        Number(await suite.redis.send("HGET", `interlock:{${name}}:token`, "token")),
        guard.token,
      );
      await guard.release();
      assert.equal(await at(name), null);
    });

    it(`releases the lock if the answer was cut off: ${client}`, DEADLINE, async () => {
      const name = `cut release ${client}`;
      await using proxy = await Proxy.start(suite.server.port);
      await using source = await connect(proxy.url);
      await using lock = new RedisLock(source.source, name);
      const guard = await lock.acquire();
      let cut = false;
      proxy.onReply = () => {
        if (cut) return "pass";
        cut = true;
        return "cut";
      };
      await guard.release();
      assert.equal(await at(name), null);
    });
  }

  it("releases a lock that was granted after the wait had ended", DEADLINE, async () => {
    await using proxy = await Proxy.start(suite.server.port);
    await using lock = new RedisLock(proxy.url, "late grant");
    await (await lock.acquire()).release();
    proxy.onReply = () => "hold";
    const controller = new AbortController();
    const acquiring = lock.acquire({ signal: controller.signal });
    await until("the grant", async () => await at("late grant") !== null);
    controller.abort();
    await assert.rejects(acquiring, { name: "AbortError" });
    await until("the release", async () => await at("late grant") === null);
    proxy.onReply = () => "pass";
    proxy.letGo();
    await (await lock.tryAcquire())!.release();
  });

  it("does not say that others hold a lock if the server does not answer", DEADLINE, async () => {
    await using proxy = await Proxy.start(suite.server.port);
    await using lock = new RedisLock(proxy.url, "silence");
    await (await lock.acquire()).release();
    proxy.onReply = () => "hold";
    const acquiring = lock.acquire({ timeout: 50 });
    await assert.rejects(acquiring, /"silence" in time: no server has answered/);
    proxy.onReply = () => "pass";
    proxy.letGo();
    await (await lock.acquire()).release();
  });

  it("says that the server cannot be reached, and when the time is over", DEADLINE, async () => {
    await using lock = new RedisLock("redis://127.0.0.1:1", "nobody", { commandTimeout: 100 });
    await assert.rejects(lock.tryAcquire(), UnreachableError);
    await assert.rejects(lock.acquire({ timeout: 50 }), /Unreachable|in time/);
    const reason = new Error("enough");
    await assert.rejects(
      lock.acquire({ signal: AbortSignal.timeout(1) }),
      (error) => error instanceof DOMException && error.name === "TimeoutError",
    );
    const controller = new AbortController();
    const acquiring = lock.acquire({ signal: controller.signal });
    controller.abort(reason);
    await assert.rejects(acquiring, reason);
    await using short = new RedisLock("redis://127.0.0.1:1", "nobody", {
      commandTimeout: 50,
      leaseTime: 200,
    });
    await assert.rejects(short.acquire(), UnreachableError);
  });

  it("works after the server has forgotten the scripts", DEADLINE, async () => {
    await using lock = new RedisLock(suite.server.url, "flushed");
    await (await lock.acquire()).release();
    await suite.redis.send("SCRIPT", "FLUSH");
    const guard = await lock.acquire();
    await suite.redis.send("SCRIPT", "FLUSH");
    await guard.release();
    assert.equal(await at("flushed"), null);
  });

  it("says that it may run no scripts, and acquires nothing", DEADLINE, async () => {
    await suite.redis.send(
      "ACL",
      "SETUSER",
      "plain",
      "on",
      ">secret",
      "~*",
      "&*",
      "+@all",
      "-@scripting",
    );
    const url = `redis://plain:secret@127.0.0.1:${suite.server.port}`;
    for (const options of [{}, { fair: true }]) {
      await using lock = new RedisLock(url, "no scripts", options);
      for (const acquire of [() => lock.acquire(), () => lock.tryAcquire()]) {
        await assert.rejects(acquire(), (error) => {
          assert.ok(error instanceof UnsupportedError, String(error));
          assert.match(error.message, /Allow EVAL and EVALSHA/);
          return true;
        });
      }
      assert.equal(await at("no scripts"), null);
    }
  });

  it(
    "says that another kind of value is at its keys, and does not change it",
    DEADLINE,
    async () => {
      for (const key of ["lock", "token"]) {
        const path = `interlock:{wrong ${key}}:${key}`;
        await suite.redis.send("RPUSH", path, "not ours");
        await using lock = new RedisLock(suite.server.url, `wrong ${key}`);
        for (const acquire of [() => lock.acquire(), () => lock.tryAcquire()]) {
          await assert.rejects(acquire(), (error) => {
            assert.ok(error instanceof MisconfiguredError, String(error));
            assert.equal(error.code, "WRONGTYPE");
            return true;
          });
        }
        assert.deepEqual(await suite.redis.send("LRANGE", path, "0", "-1"), ["not ours"]);
        await until("nothing left", async () => {
          const keys = await suite.redis.send("KEYS", `interlock:{wrong ${key}}:*`) as string[];
          return keys.length === 1;
        });
      }
    },
  );

  it(
    "waits for a key that another program has set without a lease, and acquires the lock then",
    DEADLINE,
    async () => {
      await suite.redis.send("SET", "interlock:{foreign}:lock", "by hand");
      await using lock = new RedisLock(suite.server.url, "foreign");
      assert.equal(await lock.owner(), undefined);
      await assert.rejects(lock.acquire({ timeout: 20 }), { name: "TimeoutError" });
      const acquiring = lock.acquire();
      await until(
        "the waiter",
        async () => await suite.redis.send("EXISTS", "interlock:{foreign}:queue") === 1,
      );
      await suite.redis.send("DEL", "interlock:{foreign}:lock");
      await (await acquiring).release();
    },
  );

  it("acquires nothing on a full server, and can still release", DEADLINE, async () => {
    await using full = await RedisServer.start();
    const admin = adapterOf(full.url);
    await using lock = new RedisLock(full.url, "full");
    await using other = new RedisLock(full.url, "full");
    const guard = await lock.acquire();
    const waiting = other.acquire(); // It is queued already.
    waiting.catch(() => {});
    await until(
      "the waiter",
      async () => await admin.send("EXISTS", "interlock:{full}:queue") === 1,
    );
    await admin.send("CONFIG", "SET", "maxmemory", "1");
    await guard.release();
    await (await waiting).release(); // Its place in the queue makes room for the hold.
    for (const acquire of [() => lock.acquire(), () => lock.tryAcquire()]) {
      await assert.rejects(acquire(), (error) => {
        assert.ok(error instanceof RefusedError && error.code === "OOM", String(error));
        return true;
      });
    }
    assert.equal(await admin.send("EXISTS", "interlock:{full}:lock"), 0);
    await admin.send("CONFIG", "SET", "maxmemory", "0");
    await (await lock.tryAcquire())!.release();
    await admin.close();
  });

  it("survives a restart of a server that keeps its data", DEADLINE, async () => {
    await using kept = await RedisServer.start({ appendOnly: true });
    await using lock = new RedisLock(kept.url, "kept", { leaseTime: 60_000 });
    await using other = new RedisLock(kept.url, "kept");
    const guard = await lock.acquire();
    const waiting = other.acquire();
    await kept.kill();
    await kept.start();
    assert.equal(guard.held, true);
    assert.equal(await lock.tryAcquire(), undefined);
    await guard.release();
    const next = await waiting;
    assert.ok(next.token! > guard.token!);
    await next.release();
  });

  it(
    "is lost with a server that keeps no data, and no token is minted twice",
    DEADLINE,
    async () => {
      await using forgetful = await RedisServer.start();
      await using lock = new RedisLock(forgetful.url, "forgotten", { leaseTime: 1500 });
      await using other = new RedisLock(forgetful.url, "forgotten");
      const guard = await lock.acquire();
      const { signal } = guard;
      await forgetful.kill();
      await forgetful.start();
      // For a moment, two are inside: this is why there are tokens.
      const next = await other.acquire();
      assert.ok(next.token! > guard.token!);
      await until("the abort", () => signal.aborted);
      assert.ok(signal.reason instanceof LockLostError);
      await assert.rejects(guard.release(), LockLostError);
      assert.equal(next.held, true);
      await next.release();
    },
  );

  it("waits for its replicas if configured", DEADLINE, async () => {
    await using replica = await RedisServer.start({ replicaOf: suite.server.port });
    const copy = adapterOf(replica.url);
    await until(
      "the replica",
      async () => /master_link_status:up/.test(String(await copy.send("INFO"))),
    );
    await using lock = new RedisLock(suite.server.url, "copied", {
      replicas: { count: 1, timeout: 5000 },
    });
    const guard = await lock.acquire();
    assert.equal(await copy.send("GET", "interlock:{copied}:lock"), await at("copied"));
    await guard.release();
    await using two = new RedisLock(suite.server.url, "copied", {
      replicas: { count: 2, timeout: 20 },
    });
    for (const acquire of [() => two.acquire(), () => two.tryAcquire()]) {
      await assert.rejects(acquire(), (error) => {
        assert.ok(error instanceof RefusedError && error.code === "NOREPLICAS", String(error));
        return true;
      });
    }
    assert.equal(await at("copied"), null);
    await copy.close();
  });
});
