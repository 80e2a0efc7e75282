import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { LockLostError, withLock } from "../../../src/contract/mod.ts";
import { partOf } from "../../../src/redis/client/names.ts";
import {
  adapterOf,
  MisconfiguredError,
  type RedisAdapter,
  type RedisGuard,
  RedisSemaphore,
  type RedisSemaphoreOptions,
} from "../../../src/redis/mod.ts";
import { permitWaiterOf, ServerSemaphore } from "../../../src/redis/semaphore/server_semaphore.ts";
import { skip } from "../../support/redis_server.ts";
import { until } from "../../support/until.ts";
import { renewedAt, startServers } from "../suite.ts";

const DEADLINE = { timeout: 60_000 };
/** So long that a test fails if it waits for the end of a lease. */
const FOR_EVER = { leaseTime: 600_000 };

describe("RedisSemaphore", { skip }, () => {
  const suite = startServers();
  let names = 0;

  const name = () => `semaphore-${++names}`;
  const test = (title: string, body: () => Promise<void>) => it(title, DEADLINE, body);
  const open = (name: string, permits: number, options: RedisSemaphoreOptions = FOR_EVER) =>
    new RedisSemaphore(suite.redis, name, permits, options);
  const waiters = async (name: string) =>
    Number(await suite.redis.send("ZCARD", partOf(name, "semaphore-queue")));
  const untilWaiting = (name: string, count: number) =>
    until(`${count} waiters`, async () => await waiters(name) === count);

  test("grants as many permits as there are", async () => {
    const pool = name();
    await using one = open(pool, 3);
    await using two = open(pool, 3);
    const guards = [await one.tryAcquire(), await two.tryAcquire(), await one.acquire()];
    assert.ok(guards.every((guard) => guard?.held));
    assert.equal(await two.available(), 0);
    assert.equal(await two.tryAcquire(), undefined);
    await assert.rejects(one.acquire({ timeout: 0 }), {
      name: "TimeoutError",
      message: /1 of 3 permits are wanted, and 0 are free/,
    });
    await guards[1]!.release();
    assert.equal(await one.available(), 1);
    assert.equal(await withLock(two, () => one.available()), 0);
    const tokens = guards.map((guard) => guard!.token!);
    assert.deepEqual(tokens, [...new Set(tokens)].sort((a, b) => a - b), "tokens grow");
  });

  test("grants several permits at once, or none", async () => {
    const pool = name();
    await using semaphore = open(pool, 5);
    const three = await semaphore.acquire({ permits: 3 });
    assert.equal(await semaphore.tryAcquire({ permits: 3 }), undefined);
    const two = await semaphore.tryAcquire({ permits: 2 });
    assert.ok(two);
    assert.equal(await semaphore.available(), 0);
    await three.release();
    assert.equal(await semaphore.available(), 3);
    await two.release();
    assert.equal(await semaphore.available(), 5);
    for (const permits of [0, 6, -1]) {
      await assert.rejects(semaphore.acquire({ permits }), RangeError);
    }
    await assert.rejects(semaphore.tryAcquire({ permits: 1.5 }), TypeError);
    for (const permits of [0, -1, 1e7]) assert.throws(() => open(pool, permits), RangeError);
    assert.throws(() => open(pool, NaN), TypeError);
  });

  test("wakes as many waiters as there are permits for, in their order", async () => {
    const pool = name();
    await using holder = open(pool, 4);
    const guard = await holder.acquire({ permits: 4 });
    const others: RedisSemaphore[] = [];
    const woken: number[] = [];
    const waiting: Promise<RedisGuard>[] = [];
    for (const [i, permits] of [1, 2, 1, 1].entries()) {
      others.push(open(pool, 4));
      waiting.push(others[i].acquire({ permits }));
      waiting[i].then(() => woken.push(i));
      await untilWaiting(pool, i + 1);
    }
    await guard.release();
    const guards = await Promise.all(waiting.slice(0, 3));
    assert.equal(await waiters(pool), 1);
    assert.deepEqual(woken.toSorted(), [0, 1, 2]);
    await guards[1].release();
    await waiting[3];
    for (const other of others) await other.close();
    assert.equal(await holder.available(), 4);
  });

  test("wakes no waiter behind one that wants many, so that it gets them", async () => {
    const pool = name();
    await using holder = open(pool, 2, { ...FOR_EVER, fair: true });
    await using many = open(pool, 2, { ...FOR_EVER, fair: true });
    await using few = open(pool, 2, { ...FOR_EVER, fair: true });
    const [one, two] = [await holder.acquire(), await holder.acquire()];
    const both = many.acquire({ permits: 2 });
    await untilWaiting(pool, 1);
    const behind = few.acquire();
    await untilWaiting(pool, 2);
    await one.release();
    assert.equal(await few.tryAcquire(), undefined, "it overtook");
    await two.release();
    const guard = await both;
    assert.equal(await waiters(pool), 1);
    await guard.release();
    await (await behind).release();
  });

  test("keeps the order of all processes if it is fair", async () => {
    const pool = name();
    const options = { ...FOR_EVER, fair: true };
    const all = Array.from({ length: 6 }, () => open(pool, 1, options));
    const first = await all[0].acquire();
    const order: number[] = [];
    const waiting = all.slice(1).map(async (semaphore, i) => {
      await untilWaiting(pool, i);
      await using _guard = await semaphore.acquire();
      order.push(i);
    });
    await untilWaiting(pool, 5);
    await first.release();
    await Promise.all(waiting);
    assert.deepEqual(order, [0, 1, 2, 3, 4]);
    for (const semaphore of all) await semaphore.close();
  });

  test("gets permits back when the lease of a dead holder ends", async () => {
    const pool = name();
    const dead = new ServerSemaphore(suite.redis, pool, 2);
    const request = { value: "dead", leaseTime: 200, wanted: 2 };
    assert.equal((await dead.attempt(request)).granted, true);
    await using one = open(pool, 2);
    await using two = open(pool, 2);
    // Only the first of them asks when the lease ends, and wakes the other.
    await Promise.all([one.acquire(), two.acquire()]);
    assert.equal(await dead.renew(request), false);
    assert.equal(await dead.release(request), false, "it released permits of others");
    assert.equal(await one.available(), 0);
  });

  test("renews its holds, and reports a loss", async () => {
    const pool = name();
    await using semaphore = open(pool, 1, { leaseTime: 2400 });
    await using other = open(pool, 1);
    const guard = await semaphore.acquire();
    const { signal } = guard;
    await renewedAt(suite.redis, partOf(pool, "semaphore-holds"), 2);
    assert.equal(await other.tryAcquire(), undefined);
    assert.equal(guard.held, true);
    await suite.redis.send("DEL", partOf(pool, "semaphore-holds"));
    await until("the loss", () => signal.aborted);
    assert.ok(signal.reason instanceof LockLostError);
    assert.equal(guard.held, false);
    await assert.rejects(guard.release(), LockLostError);
    assert.ok(await other.tryAcquire());
  });

  test("is released once, and only by its holder", async () => {
    const pool = name();
    await using semaphore = open(pool, 2);
    const [one, two] = [await semaphore.acquire(), await semaphore.acquire()];
    await one.release();
    await assert.rejects(one.release(), /twice/);
    await one[Symbol.asyncDispose]();
    assert.equal(await semaphore.available(), 1);
    assert.equal(two.held, true);
  });

  test("stays one hold if asked again with the same value", async () => {
    const pool = new ServerSemaphore(suite.redis, name(), 3);
    const request = { value: "a", leaseTime: 10_000, wanted: 2 };
    const first = await pool.attempt(request);
    const again = await pool.attempt(request);
    assert.ok(first.granted && again.granted);
    assert.ok(again.token! > first.token!);
    assert.equal(await pool.held(), 2);
    assert.equal(await pool.release(request), true);
    assert.equal(await pool.release(request), false);
    assert.equal(await pool.held(), 0);
  });

  test("leaves nothing behind if a waiter gives up", async () => {
    const pool = name();
    await using semaphore = open(pool, 1);
    await using other = open(pool, 1);
    const guard = await semaphore.acquire();
    await assert.rejects(other.acquire({ timeout: 100 }), { name: "TimeoutError" });
    const controller = new AbortController();
    const aborted = other.acquire({ signal: controller.signal });
    await untilWaiting(pool, 1);
    controller.abort(new Error("enough"));
    await assert.rejects(aborted, /enough/);
    await untilWaiting(pool, 0);
    // An abort that races the grant.
    for (let i = 0; i < 30; i++) {
      const racing = new AbortController();
      const late = other.acquire({ signal: racing.signal });
      if (i % 3 > 0) await sleep(i % 5);
      racing.abort();
      await late.then((guard) => guard.release(), () => {});
    }
    await guard.release();
    await (await other.acquire()).release();
    assert.equal(await semaphore.available(), 1);
    assert.equal(await waiters(pool), 0);
  });

  test("passes a wake on if its waiter has given up", async () => {
    const pool = name();
    await using semaphore = open(pool, 1);
    await using hasty = open(pool, 1);
    await using patient = open(pool, 1);
    for (let i = 0; i < 10; i++) {
      const guard = await semaphore.acquire();
      const controller = new AbortController();
      const first = hasty.acquire({ signal: controller.signal });
      await untilWaiting(pool, 1);
      const second = patient.acquire();
      await untilWaiting(pool, 2);
      const released = guard.release();
      controller.abort();
      await first.then((guard) => guard.release(), () => {});
      await (await second).release();
      await released;
    }
  });

  test("refuses another number of permits while there are holders", async () => {
    const pool = name();
    await using three = open(pool, 3);
    await using four = open(pool, 4);
    const guard = await three.acquire();
    await assert.rejects(four.acquire(), (error: unknown) => {
      assert.ok(error instanceof MisconfiguredError);
      assert.match(error.message, /with 3 permits, this object with 4/);
      return true;
    });
    await guard.release();
    await (await four.acquire({ permits: 4 })).release();
  });

  test("refuses another kind of value at its key, also the holds of the former format", async () => {
    for (const command of [["SET", "text"], ["ZADD", "99999999999999", "1:client:1 {}"]]) {
      const pool = name();
      await suite.redis.send(command[0], partOf(pool, "semaphore"), ...command.slice(1));
      await using semaphore = open(pool, 1);
      await assert.rejects(semaphore.acquire(), { name: "MisconfiguredError", code: "WRONGTYPE" });
    }
  });

  test("keeps one member for a hold, whatever the number of permits", async () => {
    const pool = name();
    await using semaphore = open(pool, 1_000_000, { leaseTime: 2400 });
    const most = await semaphore.acquire({ permits: 999_998 });
    const one = await semaphore.acquire();
    await renewedAt(suite.redis, partOf(pool, "semaphore-holds"));
    assert.equal(await suite.redis.send("ZCARD", partOf(pool, "semaphore-holds")), 2);
    assert.equal(await semaphore.available(), 1);
    await most.release();
    assert.equal(await semaphore.available(), 999_999);
    await one.release();
    assert.equal(await semaphore.available(), 1_000_000);
  });

  test("counts the holds anew if one of its keys is gone", async () => {
    const pool = name();
    await using semaphore = open(pool, 5);
    const guard = await semaphore.acquire({ permits: 3 });
    await suite.redis.send("DEL", partOf(pool, "semaphore"));
    assert.equal(await semaphore.available(), 2);
    assert.equal(await semaphore.tryAcquire({ permits: 3 }), undefined);
    const other = await semaphore.acquire({ permits: 2 });
    assert.equal(await semaphore.available(), 0);
    await guard.release();
    await other.release();
    await semaphore.acquire({ permits: 4 });
    await suite.redis.send("DEL", partOf(pool, "semaphore-holds"));
    assert.equal(await semaphore.available(), 5);
    assert.ok(await semaphore.tryAcquire({ permits: 5 }));
  });

  test("asks for 100 free permits at once", async () => {
    const pool = name();
    let asked = 0;
    let answer = () => {};
    const all = new Promise<void>((resolve) => answer = resolve);
    const source: RedisAdapter = {
      async send(command, ...args) {
        if (command.startsWith("EVAL") && ++asked === 100) answer();
        await all;
        return await suite.redis.send(command, ...args);
      },
      subscribe: (channel, listener) => suite.redis.subscribe(channel, listener),
      close: () => Promise.resolve(),
    };
    await using semaphore = new RedisSemaphore(source, pool, 100, FOR_EVER);
    const guards = await Promise.all(Array.from({ length: 100 }, () => semaphore.acquire()));
    assert.equal(await semaphore.available(), 0);
    assert.equal(new Set(guards.map(({ token }) => token)).size, 100);
  });

  test("is not overtaken for long by requests for few, if a waiter wants many", async () => {
    const pool = name();
    await using few = open(pool, 3);
    await using many = open(pool, 3);
    const one = await few.acquire();
    const all = many.acquire({ permits: 3 });
    await untilWaiting(pool, 1);
    // Two permits are free, which it may take for a moment.
    await until("a refusal", async () => {
      const guard = await few.tryAcquire();
      await guard?.release();
      return guard === undefined;
    });
    await one.release();
    await (await all).release();
    assert.ok(await few.tryAcquire());
  });

  test("is granted to a waiter by the release itself", async () => {
    await using holder = open("handed over", 2);
    let pause = Promise.resolve();
    const source: RedisAdapter = {
      async send(command, ...args) {
        await pause;
        return await suite.redis.send(command, ...args);
      },
      subscribe: (channel, listener) => suite.redis.subscribe(channel, listener),
      close: () => Promise.resolve(),
    };
    await using waiter = new RedisSemaphore(source, "handed over", 2, FOR_EVER);
    // A waiter that has waited for longer asks again, as on a busy machine.
    await until("a grant without another question", async () => {
      const guard = await holder.acquire({ permits: 2 });
      const waiting = waiter.acquire({ permits: 2 });
      await untilWaiting("handed over", 1);
      let goOn = () => {};
      pause = new Promise((resolve) => goOn = resolve);
      await guard.release();
      const granted = await Promise.race([waiting, sleep(100)]);
      goOn();
      const { token } = await waiting;
      assert.ok(token > guard.token);
      await (await waiting).release();
      return granted !== undefined;
    });
    assert.equal(await holder.available(), 2);
  });

  test("passes over dead waiters at once, also one that wants more than are free", async () => {
    const pool = name();
    await using holder = open(pool, 3);
    const guards = [await holder.acquire({ permits: 2 }), await holder.acquire()];
    const dead = adapterOf(suite.server.url);
    await dead.subscribe(partOf(pool, "semaphore-wake:dead"), () => {});
    const server = new ServerSemaphore(dead, pool, 3);
    for (let i = 0; i < 60; i++) {
      const request = { value: `dead:${i} {}`, leaseTime: 600_000, wanted: 1 + i % 3 };
      await server.attempt(request, permitWaiterOf(request));
    }
    await dead.close();
    await using living = open(pool, 3);
    const waiting = living.acquire();
    await untilWaiting(pool, 61);
    const released = performance.now();
    await guards[1].release();
    await (await waiting).release();
    // It would be half a second for each.
    assert.ok(performance.now() - released < 10_000);
    await guards[0].release();
    assert.equal(await waiters(pool), 0);
  });

  test("keeps the order of the tasks of one object, whatever they want", async () => {
    const pool = name();
    await using semaphore = open(pool, 4);
    const guard = await semaphore.acquire({ permits: 4 });
    const order: number[] = [];
    const tasks = [3, 1, 4, 1, 2].map(async (permits, i) => {
      await using _guard = await semaphore.acquire({ permits });
      order.push(i);
      await sleep(1);
    });
    const controller = new AbortController();
    const aborted = semaphore.acquire({ permits: 4, signal: controller.signal });
    const last = semaphore.acquire();
    await untilWaiting(pool, 2); // The others would have to wait for these.
    controller.abort(new Error("enough"));
    await assert.rejects(aborted, /enough/);
    await guard.release();
    await Promise.all(tasks);
    await (await last).release();
    assert.deepEqual([order.slice(0, 2).toSorted(), order[2]], [[0, 1], 2]);
    assert.equal(await semaphore.available(), 4);
  });

  test("wakes few waiters for each hold", async () => {
    const pool = name();
    const holders = 60;
    const calls = async () => {
      const stats = String(await suite.redis.send("INFO", "commandstats"));
      return Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1] ?? 0);
    };
    const all = Array.from({ length: holders }, () => open(pool, 2));
    const [one, two] = [await all[0].acquire(), await all[0].acquire()];
    const before = await calls();
    const waiting = all.map(async (semaphore) => {
      await using _guard = await semaphore.acquire();
    });
    await untilWaiting(pool, holders);
    await one.release();
    await two.release();
    await Promise.all(waiting);
    const each = (await calls() - before) / holders;
    assert.ok(each < 8, `${each} questions for each hold`);
    for (const semaphore of all) await semaphore.close();
  });

  test("releases its holds and ends its waits when it is closed", async () => {
    const pool = name();
    const semaphore = open(pool, 1);
    await semaphore.acquire();
    const waiting = semaphore.acquire();
    await untilWaiting(pool, 1);
    const refused = assert.rejects(waiting, /was closed/);
    await semaphore.close();
    await refused;
    await assert.rejects(semaphore.acquire(), /was closed/);
    await using other = open(pool, 1);
    assert.ok(await other.acquire());
  });
});
