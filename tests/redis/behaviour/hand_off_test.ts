import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { LockLostError } from "../../../src/contract/mod.ts";
import {
  type RedisAdapter,
  RedisLock,
  type RedisSharableGuard,
  UnreachableError,
} from "../../../src/redis/mod.ts";
import { grantableWaiterOf, ServerLock } from "../../../src/redis/server_lock/server_lock.ts";
import { skip } from "../../support/redis_server.ts";
import { until } from "../../support/until.ts";
import { waitingProcess } from "../redis_process.ts";
import { startServers, waitersAt, withLocks } from "../suite.ts";

const DEADLINE = { timeout: 60_000 };
/** So long that nothing ends by itself. */
const leaseTime = 60_000;

/** A connection whose commands can be held back, and which shows its messages. */
function gated(redis: RedisAdapter) {
  const heard: string[] = [];
  let held: (() => void)[] | undefined;
  let asked = 0;
  const adapter: RedisAdapter = {
    async send(...command) {
      asked++;
      if (held !== undefined) await new Promise<void>((resolve) => held!.push(resolve));
      return await redis.send(...command);
    },
    subscribe: (channel, listener) =>
      redis.subscribe(channel, (message) => {
        heard.push(message.slice(0, message.indexOf(" ")));
        listener(message);
      }),
    close: () => Promise.resolve(),
  };
  return {
    adapter,
    heard,
    get asked() {
      return asked;
    },
    close() {
      held ??= [];
    },
    open() {
      held?.forEach((go) => go());
      held = undefined;
    },
  };
}

describe("a RedisLock that is released", { skip }, () => {
  const suite = startServers();
  const waiting = (name: string, count: number) => waitersAt(suite.redis, name, count);
  const lockKey = (name: string) => `interlock:{${name}}:lock`;

  /** A guard that came by a message alone, while its commands were held back. */
  async function grantedTo(
    gate: ReturnType<typeof gated>,
    [holder, waiter]: readonly RedisLock[],
    name: string,
  ): Promise<{ guard: RedisSharableGuard; before: RedisSharableGuard }> {
    // On a busy machine, a waiter is not always released within the moment after it came.
    return await until("a grant by a message", async () => {
      const before = await holder.acquire();
      const next = waiter.acquire();
      await waiting(name, 1);
      gate.close();
      const asked = gate.asked;
      await before.release();
      let guard: RedisSharableGuard | undefined;
      next.then((granted) => guard = granted, () => {});
      await until("the grant, or a question", () => guard !== undefined || gate.asked > asked);
      if (gate.heard.at(-1)?.startsWith("grant")) return { guard: await next, before };
      gate.open();
      await (await next).release();
      return undefined;
    });
  }

  it("is granted to a waiter by the release itself", DEADLINE, async () => {
    const name = "granted";
    const gate = gated(suite.redis);
    await using holder = new RedisLock(suite.redis, name, { leaseTime });
    await using waiter = new RedisLock(gate.adapter, name, { leaseTime, label: "next" });
    const { guard, before } = await grantedTo(gate, [holder, waiter], name);
    assert.ok(guard.held && guard.token! > before.token!, `${guard.token}, ${before.token}`);
    assert.deepEqual([guard.recovered, guard.previousOwner], [false, undefined]);
    assert.equal((await holder.owner())?.label, "next");
    assert.equal(await holder.tryAcquire(), undefined);
    // It is the holder's until it is confirmed, but not for the whole lease.
    assert.ok(guard.left > 0 && guard.left <= leaseTime / 4, `${guard.left}`);
    gate.open();
    await until("the confirmation", () => guard.left > leaseTime / 2);
    await guard.release();
    assert.equal(await suite.redis.send("EXISTS", lockKey(name)), 0);
  });

  it("goes on to others if the waiter does not confirm it", DEADLINE, async () => {
    const name = "unconfirmed";
    const gate = gated(suite.redis);
    await using holder = new RedisLock(suite.redis, name, { leaseTime: 2400 });
    await using waiter = new RedisLock(gate.adapter, name, { leaseTime: 2400 });
    const { guard } = await grantedTo(gate, [holder, waiter], name);
    const { signal } = guard;
    const next = await holder.acquire();
    assert.ok(!guard.held, "two are inside");
    await until("the abort", () => signal.aborted);
    assert.ok(next.token! > guard.token!);
    assert.equal(next.recovered, true);
    await assert.rejects(guard.release(), LockLostError);
    gate.open();
    await next.release();
  });

  it(
    "is not held by a waiter that gives up at that moment",
    DEADLINE,
    () =>
      withLocks(3, suite.redis, "given up at once", { leaseTime }, async ([a, b, c], name) => {
        for (let i = 0; i < 24; i++) {
          const guard = await a.acquire();
          const controller = new AbortController();
          const first = b.acquire({ signal: controller.signal }).catch(() => undefined);
          await waiting(name, 1);
          const last = c.acquire();
          await waiting(name, 2);
          const acts = [() => controller.abort(), () => guard.release()];
          if (i % 2) acts.reverse();
          const released = acts[0]();
          for (let step = 0; step < i >> 1; step++) await Promise.resolve();
          await Promise.all([released, acts[1]()]);
          await (await first)?.release();
          await (await last).release();
        }
      }),
  );

  it(
    "is granted at once behind killed waiters, by an object that never waited",
    DEADLINE,
    async () => {
      const name = "behind the dead";
      await using holder = new RedisLock(suite.redis, name, { leaseTime, fair: true });
      await using lock = new RedisLock(suite.redis, name, { leaseTime, fair: true });
      const guard = await holder.acquire();
      await using child = waitingProcess(suite.server.url, name, 6);
      await waiting(name, 6);
      const mine = lock.acquire();
      await waiting(name, 7);
      child.kill();
      await child.ended;
      await until("the end of its connections", async () => {
        const channels = await suite.redis.send("PUBSUB", "CHANNELS", `interlock:{${name}}:*`);
        return (channels as string[]).length === 1;
      });
      await guard.release();
      const left = await suite.redis.send("ZCARD", `interlock:{${name}}:queue`);
      assert.ok(Number(left) <= 1, `${left} dead waiters are still in front`);
      await (await mine).release();
    },
  );

  describe("behind a waiter that is gone", () => {
    const [held, waits] = ["a", "b"].map((id) => ({ value: `${id}:1 {}`, leaseTime }));
    const waiter = grantableWaiterOf(waits);
    /** A lock that `held` holds, the keys of its waiters, and what the client of `waiter` hears. */
    const begin = async (name: string) => {
      const lock = new ServerLock(suite.redis, name);
      assert.equal((await lock.attempt(held)).granted, true);
      const heard: string[] = [];
      const end = await suite.redis.subscribe(`${lock.channel}b`, (text) => heard.push(text));
      const [queue, seen] = ["queue", "seen"].map((part) => `interlock:{${name}}:${part}`);
      return { lock, heard, end, queue, seen };
    };
    /** As if the waiter had come a moment ago, however long that took; it is counted. */
    const renewTicket = async (queue: string, seen: string) => {
      const soon = Date.now() + 60_000;
      assert.equal(await suite.redis.send("ZADD", queue, "XX", "CH", `${soon * 1000}`, waiter), 1);
      assert.equal(await suite.redis.send("ZADD", seen, "XX", "CH", `${soon}.5`, waiter), 1);
    };

    it("is free, if that waiter was counted", DEADLINE, async () => {
      const { lock, queue, seen, end } = await begin("deaf");
      assert.equal((await lock.attempt(waits, waiter)).granted, false);
      await renewTicket(queue, seen);
      await end();
      await lock.release(held);
      assert.equal(await suite.redis.send("EXISTS", lockKey("deaf"), queue), 0);
    });

    it("is granted to the next one, if that waiter broke its promise", DEADLINE, async () => {
      const { lock, heard, queue, seen, end } = await begin("late");
      await suite.redis.send("ZADD", queue, "1", "w:dead:1");
      await suite.redis.send("ZADD", seen, "1", "w:dead:1");
      assert.equal((await lock.attempt(waits, waiter)).granted, false);
      await renewTicket(queue, seen);
      await lock.release(held);
      await until("a message", () => heard.length > 0);
      assert.match(heard[0], /^grant:/);
      assert.equal(await suite.redis.send("GET", lockKey("late")), waits.value);
      assert.equal(await suite.redis.send("EXISTS", queue, seen), 0);
      await end();
    });
  });

  it(
    "tells several waiters to look after those before them",
    DEADLINE,
    () =>
      withLocks(5, suite.redis, "several", { leaseTime, fair: true }, async (locks, name) => {
        const gate = gated(suite.redis);
        await using last = new RedisLock(gate.adapter, name, { leaseTime, fair: true });
        const [holder, ...others] = locks;
        const guard = await holder.acquire();
        const guards: Promise<RedisSharableGuard>[] = [];
        for (const lock of others) {
          guards.push(lock.acquire());
          await waiting(name, guards.length);
        }
        guards.push(last.acquire());
        await waiting(name, guards.length);
        // While it waits for long, it looks seldom by itself.
        const asked = gate.asked;
        await until("the first look", () => gate.asked > asked);
        await guard.release();
        await until("the message", () => gate.heard.length > 0);
        for (const next of guards) await (await next).release();
      }),
  );

  it(
    "leaves its tokens behind the clock, whatever localHandOff reserves",
    DEADLINE,
    () =>
      withLocks(1, suite.redis, "reserved", {
        localHandOff: { holds: 1_000_000, time: Infinity },
      }, async ([lock], name) => {
        let last = 0;
        for (let i = 0; i < 20; i++) {
          const guards = Array.from({ length: i % 4 + 1 }, async () => {
            await using guard = await lock.acquire();
            assert.ok(guard.token! > last, `${guard.token} after ${last}`);
            last = guard.token!;
          });
          await Promise.all(guards);
        }
        const shared = await lock.acquire();
        await shared.downgrade();
        await shared.release();
        await suite.redis.send("DEL", `interlock:{${name}}:token`); // As FLUSHALL does.
        await using guard = await lock.acquire();
        assert.ok(guard.token! > last, `${guard.token} after ${last}`);
      }),
  );

  it(
    "leaves a key for an hour; without a release, for 30 days",
    DEADLINE,
    () =>
      withLocks(1, suite.redis, "short-lived", {}, async ([lock], name) => {
        const hours = async () =>
          Number(await suite.redis.send("PTTL", `interlock:{${name}}:token`)) / 3_600_000;
        const guard = await lock.acquire();
        assert.ok(await hours() > 29 * 24);
        await guard.release();
        const left = await hours();
        assert.ok(left > 0 && left <= 1, `${left} hours`);
        await suite.redis.send("DEL", `interlock:{${name}}:token`);
      }),
  );

  it("ends its hand-offs and their waits when it is closed", DEADLINE, async () => {
    for (let steps = 0; steps < 24; steps++) {
      const name = `closed while handed on ${steps}`;
      const lock = new RedisLock(suite.redis, name, { leaseTime, localHandOff: true });
      if (steps % 2) await (await lock.acquire()).release();
      const tasks = Array.from({ length: 3 }, async () => {
        const guard = await lock.acquire();
        assert.ok(guard.held, "it got a guard of a hold that is gone");
        await guard.release();
      });
      tasks.push(lock.tryAcquire().then((guard) => guard?.release()));
      const settled = Promise.allSettled(tasks);
      for (let step = 0; step < steps; step++) await Promise.resolve();
      if (steps % 4 > 1) await until("the holder", () => lock.owner());
      await lock.close();
      for (const task of await settled) {
        if (task.status === "rejected") assert.match(String(task.reason), /closed/);
      }
      assert.equal(await suite.redis.send("EXISTS", lockKey(name)), 0);
    }
  });

  it("settles, though the server does not answer", DEADLINE, async () => {
    const options = { leaseTime: 600_000, commandTimeout: 600_000 };
    await using lock = new RedisLock(suite.server.url, "unanswered", options);
    const guard = await lock.acquire();
    suite.server.signal("SIGSTOP");
    try {
      await assert.rejects(guard.release(), (error) => {
        assert.ok(error instanceof UnreachableError && error.mayHaveHappened);
        assert.match(error.message, /^Cannot release "unanswered": .* ends with its lease/);
        return true;
      });
    } finally {
      suite.server.signal("SIGCONT");
    }
  });

  it("resolves early if it is told to, and its signal tells a failure", DEADLINE, async () => {
    const name = "early";
    const gate = gated(suite.redis);
    await using lock = new RedisLock(gate.adapter, name, { leaseTime });
    const guard = await lock.acquire();
    const { signal } = guard;
    gate.close();
    await guard.release({ early: true });
    assert.equal(guard.held, false);
    await assert.rejects(guard.release(), /twice/);
    await suite.redis.send("DEL", lockKey(name)); // Others may have been inside.
    gate.open();
    await until("the failure", () => signal.aborted);
    assert.ok(signal.reason instanceof LockLostError);
    const next = await lock.acquire();
    await assert.rejects(next.release({ early: 1 as unknown as boolean }), TypeError);
    await next.release({ early: true });
    await (await lock.acquire()).release();
    assert.equal(next.signal.aborted, false);
  });
});
