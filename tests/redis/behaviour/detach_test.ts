import assert from "node:assert/strict";
import process from "node:process";
import { describe, it } from "node:test";
import { LockLostError, UnsupportedError } from "../../../src/contract/mod.ts";
import { RedisLock, type RedisSharableGuard } from "../../../src/redis/mod.ts";
import { ourError } from "../../support/our_error.ts";
import { Proxy } from "../../support/proxy.ts";
import { skip } from "../../support/redis_server.ts";
import { runtimesHere } from "../../support/runtimes_here.ts";
import { until } from "../../support/until.ts";
import { ask, redisProcess } from "../redis_process.ts";
import { startServers } from "../suite.ts";

const DEADLINE = { timeout: 60_000 };

/** Checks that a guard has nothing to do with its hold any more, and says so. */
async function assertDetached(guard: RedisSharableGuard, shared: boolean): Promise<void> {
  assert.deepEqual([guard.held, guard.left, guard.shared], [false, 0, shared]);
  assert.equal(guard.signal.aborted, false);
  const isTold = (error: unknown) => /^Cannot .* it was detached before/.test(`${error}`.slice(7));
  await assert.rejects(guard.release(), isTold);
  await assert.rejects(guard.upgrade(), isTold);
  await assert.rejects(guard.downgrade(), isTold);
  await assert.rejects(guard.detach(), isTold);
  await guard[Symbol.asyncDispose]();
}

describe("a detached hold", { skip }, () => {
  const suite = startServers(3);
  let names = 0;
  const newName = () => `detached ${++names}`;
  const lockOf = (name: string, options = {}) => new RedisLock(suite.redis, name, options);

  for (const shared of [false, true]) {
    const mode = shared ? "shared" : "exclusive";
    it(`goes on in another object, once: ${mode}`, DEADLINE, async () => {
      const name = newName();
      await using other = lockOf(name);
      await using second = lockOf(name);
      const first = lockOf(name, { shared });
      const guard = await first.acquire();
      const ticket = await guard.detach();
      await assertDetached(guard, shared);
      await first.close();
      assert.equal(await other.tryAcquire(), undefined, "the first one has released it");

      // At the same time: exactly one of them gets it.
      const attached = await Promise.allSettled([1, 2, 3].map(() => second.attach(ticket)));
      const guards = attached.flatMap((it) => it.status === "fulfilled" ? [it.value] : []);
      assert.equal(guards.length, 1);
      for (const it of attached) {
        if (it.status === "rejected") assert.ok(ourError(LockLostError)(it.reason));
      }
      const [next] = guards;
      assert.deepEqual([next.held, next.shared, next.recovered], [true, shared, false]);
      if (!shared) assert.ok(next.token! > guard.token!, `${next.token} after ${guard.token}`);
      assert.equal(await other.tryAcquire(), undefined);
      await assert.rejects(other.attach(ticket), ourError(LockLostError));

      // It can be detached again, with another ticket.
      const again = await next.detach();
      await assert.rejects(second.attach(ticket), ourError(LockLostError));
      const last = await second.attach(again);
      await last.release();
      await assert.rejects(other.attach(again), ourError(LockLostError));
      const free = (await other.tryAcquire())!;
      assert.equal(free.recovered, false);
      assert.ok(free.token! > (last.token ?? 0));
      await free.release();
    });
  }

  it("counts as the hold of a dead holder when its lease runs out", DEADLINE, async () => {
    const name = newName();
    const leaseTime = 60_000;
    await using first = lockOf(name, { leaseTime });
    await using second = lockOf(name);
    const ticket = await (await first.acquire()).detach();
    const key = `interlock:{${name}}:lock`;
    const left = Number(await suite.redis.send("PTTL", key));
    assert.ok(left > 0 && left <= leaseTime, `${left} ms`);
    await suite.redis.send("PEXPIRE", key, "1");
    await using guard = await second.acquire();
    assert.deepEqual([guard.recovered, guard.previousOwner?.pid], [true, process.pid]);
    await assert.rejects(first.attach(ticket), ourError(LockLostError));
    assert.equal(guard.held, true);
  });

  it("is not attached by what is no ticket of the lock", DEADLINE, async () => {
    const [name, otherName] = [newName(), newName()];
    await using lock = lockOf(name);
    await using other = lockOf(otherName);
    const ticket = await (await lock.acquire()).detach();
    const { value, ...rest } = JSON.parse(ticket);
    const wrong = [
      undefined,
      5,
      {},
      "",
      "\u001b[31m",
      "null",
      "{}",
      ticket.slice(1),
      JSON.stringify(rest),
      ...[{ value: "\u001b[31m" }, { shared: "\u001b[31m" }, { names: name }, { interlock: 2 }]
        .map((part) => JSON.stringify({ value, ...rest, ...part })),
    ];
    const isTold = (error: Error) =>
      ourError(TypeError)(error) && !error.message.includes("\u001b") &&
      error.message.includes(name) && !error.message.includes("pid");
    for (const it of wrong) await assert.rejects(lock.attach(it as string), isTold);
    await assert.rejects(other.attach(ticket), ourError(TypeError));
    const forged = JSON.stringify({ ...rest, value: value.replace(/^./, "x") });
    await assert.rejects(lock.attach(forged), ourError(LockLostError));
    await (await lock.attach(ticket)).release();
  });

  it("is detached and attached once if an answer was lost", DEADLINE, async () => {
    const name = newName();
    await using way = await Proxy.start(suite.server.port);
    await using lock = new RedisLock(way.url, name, { commandTimeout: 20_000 });
    await using other = lockOf(name);
    const guard = await lock.acquire();
    let cuts = 0;
    const cutNext = () =>
      way.onReply = () => {
        way.onReply = () => "pass";
        cuts++;
        return "cut";
      };
    cutNext();
    const ticket = await guard.detach();
    cutNext();
    const next = await lock.attach(ticket);
    assert.equal(cuts, 2);
    assert.ok(next.token! > guard.token!);
    await assert.rejects(other.attach(ticket), ourError(LockLostError));
    await next.release();
    assert.equal((await other.tryAcquire())?.recovered, false);
  });

  it("is not held if it is unknown whether it was detached", DEADLINE, async () => {
    const name = newName();
    await using way = await Proxy.start(suite.server.port);
    await using lock = new RedisLock(way.url, name, { leaseTime: 600, commandTimeout: 100 });
    // On a busy machine, the server may not be reached at once.
    const guard = await until("the lock", () => lock.acquire().catch(() => undefined));
    way.onReply = () => "hold";
    await assert.rejects(guard.detach(), ourError(LockLostError));
    assert.equal(guard.held, false);
    await guard[Symbol.asyncDispose]();
    way.cut();
  });

  it("cannot be made of a hold that is lost, or that others have as well", DEADLINE, async () => {
    const name = newName();
    await using lock = lockOf(name, { reentrant: true });
    const guard = await lock.acquire();
    const inner = await lock.acquire();
    await assert.rejects(inner.detach(), /^Error: Cannot detach .* Release them first$/);
    assert.equal(inner.held, true);
    await inner.release();
    await suite.redis.send("DEL", `interlock:{${name}}:lock`);
    await assert.rejects(guard.detach(), ourError(LockLostError));
    assert.equal(guard.held, false);
    const next = await lock.acquire();
    const ticket = await next.detach();
    await (await lock.attach(ticket)).release();
  });

  it("is not handed on among the tasks of an object any more", DEADLINE, async () => {
    const name = newName();
    await using lock = lockOf(name, { localHandOff: { holds: 1000, time: 60_000 } });
    const guard = await lock.acquire();
    const waiting = lock.acquire();
    const ticket = await guard.detach();
    await using other = lockOf(name);
    const attached = await other.attach(ticket);
    await attached.release();
    const next = await waiting;
    const tokens = [guard, attached, next].map(({ token }) => token!);
    assert.deepEqual(tokens, [...new Set(tokens)].sort((a, b) => a - b));
    await next.release();
  });

  it("is refused for several servers, and the hold goes on", DEADLINE, async () => {
    const options = { restartGuard: false };
    await using lock = new RedisLock(suite.adapters, newName(), options);
    await using guard = await lock.acquire();
    await assert.rejects(guard.detach(), ourError(UnsupportedError));
    assert.equal(guard.held, true);
    await using one = lockOf(newName());
    const ticket = await (await one.acquire()).detach();
    await using several = new RedisLock(suite.adapters, one.name, options);
    await assert.rejects(several.attach(ticket), ourError(UnsupportedError));
    await (await one.attach(ticket)).release();
  });

  it("survives its process, but not the one that went on", DEADLINE, async () => {
    const name = newName();
    const [here, there = here] = runtimesHere();
    const options = JSON.stringify({ leaseTime: 9000 });
    await using first = redisProcess(suite.server.url, name, options, here);
    await using second = redisProcess(suite.server.url, name, options, there);
    assert.equal(await second.line(), "ready");
    assert.equal(await first.line(), "ready");
    await ask(second, "acquire"); // It is connected.
    assert.equal(await ask(second, "release"), "released");
    const [token] = (await ask(first, "acquire")).split(" ");
    const ticket = await ask(first, "detach");
    first.kill();
    await first.ended;
    const answer = await ask(second, `attach ${ticket}`);
    const [next, recovered] = answer.split(" ");
    assert.ok(Number(next) > Number(token), `${next} after ${token}`);
    assert.equal(recovered, "false");
    await using lock = lockOf(name);
    const key = `interlock:{${name}}:lock`;
    const left = async () => Number(await suite.redis.send("PTTL", key));
    await until("a part of the lease", async () => await left() < 8000);
    await until("a renewal", async () => await left() > 8000);
    second.kill();
    await second.ended;
    await suite.redis.send("PEXPIRE", key, "1");
    await using guard = await lock.acquire();
    assert.ok(guard.token! > Number(next));
    assert.deepEqual([guard.recovered, guard.previousOwner?.pid], [true, second.pid]);
  });
});
