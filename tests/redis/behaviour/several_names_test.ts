import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { LockLostError, UnsupportedError } from "../../../src/contract/mod.ts";
import { RedisLock, type RedisLockOptions } from "../../../src/redis/mod.ts";
import { ourError } from "../../support/our_error.ts";
import { skip } from "../../support/redis_server.ts";
import { until } from "../../support/until.ts";
import { ask, redisProcess } from "../redis_process.ts";
import { startServers, waitersAt } from "../suite.ts";

const DEADLINE = { timeout: 60_000 };
const LOOP = 4;

describe("a RedisLock of several names", { skip }, () => {
  const suite = startServers(2);
  let tests = 0;

  /** Runs a test with names of its own, and objects of locks that are closed at its end. */
  const test = (
    title: string,
    body: (
      open: (names: string | readonly string[], options?: RedisLockOptions) => RedisLock,
      a: string,
      b: string,
    ) => Promise<void>,
  ) =>
    it(title, DEADLINE, async () => {
      const [a, b] = [`a ${++tests}`, `b ${tests}`];
      await using locks = new AsyncDisposableStack();
      await body((names, options) => locks.use(new RedisLock(suite.redis, names, options)), a, b);
    });
  const waiting = (name: string, count = 1) => waitersAt(suite.redis, name, count);
  /** The channels of the waiters for a name, in their order. */
  const channelsAt = async (name: string) => {
    const waiters = await suite.redis.send("ZRANGE", `interlock:{${name}}:queue`, "0", "-1");
    return (waiters as string[]).map((it) => `interlock:{${name}}:wake:${it.split(":")[1]}`);
  };

  test("excludes the holders of each name, and is excluded by them", async (open, a, b) => {
    const [both, reverse, one, other] = [open([a, b]), open([b, a]), open(a), open(b)];
    assert.equal(both.name, reverse.name);
    let token = 0;
    for (const lock of [one, both, other, reverse, both, one]) {
      const guard = (await lock.tryAcquire())!;
      assert.ok(guard.token! > token, `${guard.token} after ${token}`);
      token = guard.token!;
      assert.equal(guard.recovered, false);
      assert.equal(typeof (await both.owner())?.pid, "number");
      const excluded = lock === one ? [both, reverse] : lock === other ? [both] : [one, other];
      for (const each of excluded) assert.equal(await each.tryAcquire(), undefined);
      const beside = lock === one ? other : lock === other ? one : undefined;
      const more = await beside?.tryAcquire();
      token = Math.max(token, more?.token ?? 0);
      await more?.release();
      await guard.release();
    }
    assert.equal(await both.owner(), undefined);
  });

  test("takes nothing while one is held, and is woken by the last release", async (open, a, b) => {
    const [both, one, other] = [open([a, b]), open(a), open(b)];
    for (let i = 0; i < LOOP; i++) {
      const held = [await one.acquire(), await other.acquire()];
      const acquired = both.acquire();
      await Promise.all([waiting(a), waiting(b)]);
      for (const [channel] of [await channelsAt(a), await channelsAt(b)]) {
        const listeners = await suite.redis.send("PUBSUB", "NUMSUB", channel);
        assert.deepEqual(listeners, [channel, 1], "it would not hear of the release");
      }
      await held[i % 2].release();
      // It waits for the other one, and the free one is for all.
      await (await [one, other][i % 2].acquire()).release();
      await held[1 - i % 2].release();
      const guard = await acquired;
      assert.ok(guard.token! > Math.max(...held.map(({ token }) => token!)));
      await guard.release();
    }
  });

  test("wakes the waiters of each name", async (open, a, b) => {
    const [both, one, other, again] = [open([a, b]), open(a), open(b), open([a, b])];
    for (let i = 0; i < LOOP; i++) {
      const guard = await both.acquire();
      const acquired = [one.acquire(), other.acquire()];
      await Promise.all([waiting(a), waiting(b)]);
      const last = again.acquire();
      await Promise.all([waiting(a, 2), waiting(b, 2)]);
      await guard.release();
      const guards = await Promise.all(acquired);
      await Promise.all(guards.map((each) => each.release()));
      await (await last).release();
    }
  });

  test("leaves a name that it cannot use yet to the next waiter", async (open, a, b) => {
    const [both, one, other, blocker] = [open([a, b]), open(a), open(a), open(b)];
    const blocked = await blocker.acquire();
    const start = await one.acquire();
    const last = both.acquire();
    await waiting(a);
    let held = start;
    for (let i = 0; i < LOOP; i++) {
      const next = [other, one][i % 2].acquire();
      await waiting(a, 2);
      const words: string[] = [];
      const listen = (message: string) => void words.push(message.split(" ")[0]);
      const end = await suite.redis.subscribe((await channelsAt(a))[1], listen);
      await held.release();
      held = await next;
      // Not only told to look after the first one, half a second later.
      await until("the message", () => words.some((word) => /^(go|grant)/.test(word)));
      await end();
    }
    await held.release();
    await blocked.release();
    await (await last).release();
  });

  test("is not overtaken by fair waiters if it is fair", async (open, a, b) => {
    const fair = { fair: true };
    const [both, one, blocker] = [open([a, b], fair), open(a, fair), open(b)];
    for (let i = 0; i < LOOP; i++) {
      const held = [await one.acquire(), await blocker.acquire()];
      const acquired = both.acquire();
      await waiting(b);
      await held[0].release();
      assert.equal(await one.tryAcquire(), undefined);
      const behind = one.acquire();
      await waiting(a, 2);
      await held[1].release();
      const guard = await acquired;
      await guard.release();
      const next = await behind;
      assert.ok(next.token! > guard.token!);
      await next.release();
    }
  });

  test("has no deadlock by order, and every token is greater", async (open, a, b) => {
    const c = `c ${tests}`;
    const inside = new Map<string, number>([[a, 0], [b, 0], [c, 0]]);
    const work = [[a, b], [b, a], [b, c], [c, a], [c, b, a], [a], [b]].map(async (names, i) => {
      const lock = open(names, { fair: i % 2 === 0 });
      for (let round = 0; round < 12; round++) {
        await using guard = await lock.acquire();
        for (const name of names) {
          assert.ok(guard.token! > inside.get(name)!, `${guard.token}, ${inside.get(name)}`);
          inside.set(name, Infinity);
        }
        await suite.redis.send("PING");
        for (const name of names) inside.set(name, guard.token!);
      }
    });
    await Promise.all(work);
    for (const name of [a, b, c]) await waiting(name, 0);
  });

  test("leaves all queues when it gives up", async (open, a, b) => {
    const [both, one] = [open([a, b]), open(a)];
    const guard = await one.acquire();
    await assert.rejects(both.acquire({ timeout: 50 }), { name: "TimeoutError" });
    await Promise.all([waiting(a, 0), waiting(b, 0)]);
    await guard.release();
    await (await both.tryAcquire())!.release();
  });

  test("is lost as a whole if one of them is lost", async (open, a, b) => {
    const both = open([a, b], { leaseTime: 300 });
    const guard = await both.acquire();
    await suite.redis.send("DEL", `interlock:{${b}}:lock`);
    await until("the loss", () => guard.signal.aborted);
    await assert.rejects(guard.release(), LockLostError);
    await (await open(a).acquire()).release();
  });

  test("is detached and attached as a whole", async (open, a, b) => {
    const [both, reverse, one] = [open([a, b]), open([b, a]), open(a)];
    const guard = await both.acquire();
    const ticket = await guard.detach();
    await assert.rejects(one.attach(ticket), ourError(TypeError));
    assert.equal(await one.tryAcquire(), undefined);
    const next = await reverse.attach(ticket);
    assert.ok(next.token! > guard.token!);
    await assert.rejects(both.attach(ticket), ourError(LockLostError));
    await next.release();
    const last = await open(b).acquire();
    assert.ok(last.token! > next.token!);
    assert.equal(last.recovered, false);
    const again = await both.tryAcquire();
    assert.equal(again, undefined);
  });

  test("is only exclusive, on one server, and says so", async (open, a, b) => {
    const wrong: readonly [unknown, RedisLockOptions?][] = [
      [[]],
      [[a, a]],
      [[a, 5]],
      [[a, ""]],
      [[a, b], { shared: true }],
      [[a, b], { localHandOff: true }],
      [[a, b], { replicas: { count: 1, timeout: 100 } }],
    ];
    for (const [names, options] of wrong) {
      assert.throws(() => open(names as string[], options), ourError(TypeError));
    }
    const many = Array.from({ length: 101 }, (_, i) => `${i}`);
    assert.throws(() => open(many), ourError(RangeError));
    assert.throws(() => new RedisLock(suite.adapters, [a, b]), ourError(TypeError));
    const both = open([a, b], { reentrant: true });
    await assert.rejects(both.acquire({ shared: true }), ourError(TypeError));
    const guard = await both.acquire();
    const inner = await both.acquire();
    await assert.rejects(guard.downgrade(), ourError(UnsupportedError));
    assert.deepEqual([guard.held, guard.shared], [true, false]);
    await inner.release();
    await guard.release();
    await (await open([a]).acquire()).release();
  });

  test("recovers from dead holders and dead waiters", async (open, a, b) => {
    const [both, one, other] = [open([a, b]), open(a), open(b)];
    const child = () => redisProcess(suite.server.url, JSON.stringify([b, a]), "{}");
    const kill = async (process: ReturnType<typeof child>) => {
      process.kill();
      await process.ended;
    };
    await using waiter = child();
    await using holder = child();
    for (const process of [waiter, holder]) {
      assert.equal(await process.line(), "ready");
      await ask(process, "acquire"); // It is connected.
      assert.equal(await ask(process, "release"), "released");
    }
    const guard = await both.acquire();
    waiter.tell("acquire");
    await Promise.all([waiting(a), waiting(b)]);
    const acquired = one.acquire();
    await waiting(a, 2);
    await kill(waiter);
    await guard.release();
    await (await acquired).release();

    const [token] = (await ask(holder, "acquire")).split(" ");
    await kill(holder);
    assert.equal(await both.tryAcquire(), undefined);
    for (const name of [a, b]) await suite.redis.send("PEXPIRE", `interlock:{${name}}:lock`, "1");
    for (const lock of [one, other]) {
      const { token: next, recovered, previousOwner } = await lock.acquire();
      assert.ok(next! > Number(token), `${next} after ${token}`);
      assert.deepEqual([recovered, previousOwner?.pid], [true, holder.pid]);
    }
  });
});
