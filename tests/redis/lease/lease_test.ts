import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { LockLostError, withLock } from "../../../src/contract/mod.ts";
import { RedisLock } from "../../../src/redis/mod.ts";
import { stopHolder } from "../../stress/redis/lock_runs.ts";
import { Proxy } from "../../support/proxy.ts";
import { skip } from "../../support/redis_server.ts";
import { until } from "../../support/until.ts";
import { ask, redisProcess } from "../redis_process.ts";
import { renewedAt, startServers } from "../suite.ts";

const DEADLINE = { timeout: 60_000 };
/** So long that nothing ends by itself. */
const FOR_EVER = { leaseTime: 600_000 };

const aborted = (signal: AbortSignal) => until("the abort", () => signal.aborted);

describe("A lease", { skip }, () => {
  const suite = startServers();

  const left = (name: string) =>
    suite.redis.send("PTTL", `interlock:{${name}}:lock`) as Promise<number>;

  it("is renewed while the guard is held", DEADLINE, async () => {
    const hold = async (name: string, shared: boolean) => {
      await using lock = new RedisLock(suite.server.url, name, { leaseTime: 2400, shared });
      await using other = new RedisLock(suite.server.url, name);
      const guard = await lock.acquire();
      await renewedAt(suite.redis, `interlock:{${name}}:lock`, 2);
      assert.equal(guard.held, true);
      assert.equal(await other.tryAcquire(), undefined);
      await guard.release();
      await (await other.tryAcquire())!.release();
    };
    await Promise.all([hold("renewed", false), hold("renewed, shared", true)]);
  });

  it(
    "aborts the signal before the server can grant the lock to another client",
    DEADLINE,
    async () => {
      const cutOff = async (name: string, shared: boolean) => {
        await using proxy = await Proxy.start(suite.server.port);
        await using lock = new RedisLock(proxy.url, name, { leaseTime: 2500, shared });
        const guard = await lock.acquire();
        // In this process, what is due first happens first, however late both are.
        const order: string[] = [];
        guard.signal.addEventListener("abort", () => order.push("abort"));
        let isHeldBack = false;
        proxy.onRequest = () => {
          isHeldBack = true;
          return "hold";
        };
        await until("a renewal that is held back", () => isHeldBack || order.length > 0);
        setTimeout(() => order.push("the end at the server"), await left(name));
        await until("both", () => order.length === 2);
        assert.deepEqual(order, ["abort", "the end at the server"]);
        assert.ok(guard.signal.reason instanceof LockLostError);
        assert.equal(guard.held, false);
        // The connection is still blocked: this does not wait for an answer.
        await assert.rejects(guard.release(), LockLostError);
        proxy.onRequest = () => "pass";
        proxy.letGo();
      };
      await Promise.all([cutOff("cut off", false), cutOff("cut off, shared", true)]);
    },
  );

  it("is lost with its key", DEADLINE, async () => {
    await using lock = new RedisLock(suite.server.url, "deleted", { leaseTime: 2400 });
    const guard = await lock.acquire();
    await suite.redis.send("DEL", "interlock:{deleted}:lock");
    await aborted(guard.signal);
    assert.match(String(guard.signal.reason), /LockLostError: Lost "deleted": .* any more/);
    await assert.rejects(guard.release(), LockLostError);
  });

  it(
    "that was lost makes the release fail, and another client's hold stays",
    DEADLINE,
    async () => {
      await using lock = new RedisLock(suite.server.url, "taken over");
      await using other = new RedisLock(suite.server.url, "taken over");
      const guard = await lock.acquire();
      await suite.redis.send("DEL", "interlock:{taken over}:lock");
      await using next = await other.acquire();
      await assert.rejects(guard.release(), LockLostError);
      assert.equal(next.held, true);
      assert.equal(await lock.tryAcquire(), undefined);
    },
  );

  it("is not renewed beyond maxHold", DEADLINE, async () => {
    await using lock = new RedisLock(suite.server.url, "longest", { ...FOR_EVER, maxHold: 50 });
    await using other = new RedisLock(suite.server.url, "longest");
    const guard = await lock.acquire();
    await aborted(guard.signal);
    assert.match(String(guard.signal.reason), /maxHold of 50 ms/);
    assert.equal(await other.tryAcquire(), undefined, "there was no time left to stop");
    await assert.rejects(guard.release(), LockLostError);
    // It is released nevertheless: the waiters need not wait for the end of the lease.
    await (await other.acquire()).release();
  });

  it("does not hide an error of the body when it is lost", DEADLINE, async () => {
    await using lock = new RedisLock(suite.server.url, "both");
    const failure = new Error("of the body");
    const body = async () => {
      await suite.redis.send("DEL", "interlock:{both}:lock");
      throw failure;
    };
    await assert.rejects(withLock(lock, body), (error) => {
      assert.ok(error instanceof SuppressedError);
      assert.equal(error.suppressed, failure);
      assert.ok(error.error instanceof LockLostError);
      return true;
    });
  });

  for (const [when, most] of [["it counts as lost", 150], ["its end", -1]] as const) {
    it(`does not count if the answer comes after ${when}`, DEADLINE, async () => {
      const name = `late, after ${when}`;
      await using proxy = await Proxy.start(suite.server.port);
      await using lock = new RedisLock(proxy.url, name, { leaseTime: 2000 });
      await (await lock.acquire()).release(); // The server knows the scripts.
      let held = false;
      proxy.onReply = () => {
        if (held) return "pass";
        held = true;
        return "hold";
      };
      const acquiring = lock.acquire();
      await until("the grant", () => held);
      const minted = await suite.redis.send("HGET", `interlock:{${name}}:token`, "token");
      await until("a late moment", async () => await left(name) <= most);
      proxy.letGo();
      const guard = await acquiring;
      assert.ok(guard.token! > Number(minted), "the lost hold was granted");
      assert.equal(guard.held, true);
      await guard.release();
    });
  }

  it("that is shorter than the latency is refused", DEADLINE, async () => {
    await using proxy = await Proxy.start(suite.server.port);
    await using lock = new RedisLock(proxy.url, "far", { leaseTime: 10 });
    // Connects. On a busy machine, this is too late already.
    await lock.acquire().then((guard) => guard.release()).catch(() => {});
    proxy.onReply = () => {
      setTimeout(() => proxy.letGo(), 20);
      return "hold";
    };
    await assert.rejects(lock.acquire(), /Use a longer leaseTime/);
    proxy.onReply = () => "pass";
    proxy.letGo();
  });

  it("of a killed process ends, and the next holder learns of it", DEADLINE, async () => {
    await using child = redisProcess(suite.server.url, "killed", `{"leaseTime":1500}`);
    assert.equal(await child.line(), "ready");
    const [token] = (await ask(child, "acquire")).split(" ");
    await using lock = new RedisLock(suite.server.url, "killed");
    assert.equal(await lock.tryAcquire(), undefined);
    child.kill();
    await child.ended;
    const guard = await lock.acquire();
    assert.ok(guard.token! > Number(token));
    assert.equal(guard.recovered, true);
    assert.equal(guard.previousOwner?.pid, child.pid);
    await guard.release();
    const next = await lock.acquire();
    assert.equal(next.recovered, false);
    await next.release();
  });

  it(
    "runs out while its process is stopped, and the token rejects its late write",
    DEADLINE,
    async (t) => {
      const { written, lost } = await stopHolder(2);
      t.diagnostic?.(`without the token ${lost} of ${written} writes were lost`);
      assert.ok(lost > 0, "nothing was lost without the token: the test shows nothing");
    },
  );
});
