import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { LockLostError, UnsupportedError } from "../../../src/contract/mod.ts";
import { DOWNGRADE, RENEW, UPGRADE } from "../../../src/redis/server_lock/lock_scripts.ts";
import {
  type RedisAdapter,
  RedisLock,
  type RedisLockOptions,
  type RedisSharableGuard,
  type Reply,
  Script,
} from "../../../src/redis/mod.ts";
import { Proxy } from "../../support/proxy.ts";
import { skip } from "../../support/redis_server.ts";
import { until } from "../../support/until.ts";
import { ask, redisProcess } from "../redis_process.ts";
import { renewedAt, startServers, waitersAt, withLocks } from "../suite.ts";

const DEADLINE = { timeout: 60_000 };

/** Tells whether an error is a loss, with a cause of this name. */
function isLost(cause?: string): (error: unknown) => true {
  return (error) => {
    assert.ok(error instanceof LockLostError, String(error));
    assert.match(error.message, /^Cannot (upgrade|downgrade) "/);
    if (cause !== undefined) assert.equal((error.cause as Error).name, cause, String(error.cause));
    return true;
  };
}

/** Cuts the connection instead of the next reply. */
function cutOnce(way: Proxy): Proxy["onReply"] {
  return () => {
    way.onReply = () => "pass";
    return "cut";
  };
}

describe("the guard of a RedisLock", { skip }, () => {
  const suite = startServers();

  let names = 0;
  const test = (
    title: string,
    count: number,
    options: RedisLockOptions,
    body: (locks: RedisLock[], name: string) => Promise<void>,
  ) =>
    it(
      title,
      DEADLINE,
      () => withLocks(count, suite.redis, `upgrade ${++names}`, options, body),
    );
  const waiting = (name: string, count: number) => waitersAt(suite.redis, name, count);
  const sharers = (name: string) => suite.redis.send("ZCARD", `interlock:{${name}}:shared`);

  test("upgrades the only shared hold in place", 2, {}, async ([a, b]) => {
    const first = await b.acquire();
    await first.release();
    const guard = await a.acquire({ shared: true });
    assert.deepEqual([guard.shared, guard.token, guard.held], [true, undefined, true]);
    assert.equal(await guard.upgrade(), true);
    assert.deepEqual([guard.shared, guard.held, guard.recovered], [false, true, false]);
    assert.ok(guard.token! > first.token!, `${guard.token} > ${first.token}`);
    assert.equal(await b.tryAcquire({ shared: true }), undefined);
    assert.equal(await b.tryAcquire(), undefined);
    assert.ok(await b.owner());
    await guard.release();
    const next = (await b.tryAcquire())!;
    assert.ok(next.token! > guard.token!);
    assert.equal(next.recovered, false);
    await next.release();
  });

  test("downgrades without a gap", 3, {}, async ([a, b, c]) => {
    const guard = await a.acquire();
    await guard.downgrade();
    assert.deepEqual([guard.shared, guard.token, guard.held], [true, undefined, true]);
    const other = await b.tryAcquire({ shared: true });
    assert.ok(other);
    assert.equal(await c.tryAcquire(), undefined);
    assert.equal(await c.owner(), undefined);
    await other.release();
    assert.equal(await c.tryAcquire(), undefined);
    await guard.release();
    const next = (await c.tryAcquire())!;
    assert.equal(next.recovered, false, "a downgraded hold was released properly");
    await next.release();
  });

  test("changes its mode again and again, with growing tokens", 2, {}, async ([a, b]) => {
    const guard = await a.acquire();
    let last = guard.token!;
    for (let i = 0; i < 20; i++) {
      await guard.downgrade();
      assert.equal(await b.tryAcquire(), undefined);
      await (await b.tryAcquire({ shared: true }))!.release();
      assert.equal(await guard.upgrade(), true);
      assert.equal(await b.tryAcquire({ shared: true }), undefined);
      assert.ok(guard.token! > last);
      last = guard.token!;
    }
    await guard.release();
  });

  for (const fair of [false, true]) {
    const how = fair ? "fair" : "unfair";
    test(`wakes the waiting sharers by a downgrade, ${how}`, 4, { fair }, async (
      [a, ...others],
      name,
    ) => {
      const guard = await a.acquire();
      const all = others.map((lock) => lock.acquire({ shared: true }));
      await waiting(name, 3);
      await guard.downgrade();
      const guards = await Promise.all(all);
      assert.ok(guards.every(({ held }) => held) && guard.held);
      for (const one of [guard, ...guards]) await one.release();
      await (await a.tryAcquire())!.release();
    });

    test(`leaves sharers behind an exclusive waiter, ${how}`, 3, { fair }, async (
      [a, b, c],
      name,
    ) => {
      const guard = await a.acquire();
      const exclusive = b.acquire();
      await waiting(name, 1);
      const shared = c.acquire({ shared: true });
      await waiting(name, 2);
      await guard.downgrade();
      assert.equal(await sharers(name), 1);
      await guard.release();
      await (await exclusive).release();
      await (await shared).release();
    });

    test(`waits for the other sharers in an upgrade, ${how}`, 3, { fair }, async (
      [a, b, c],
      name,
    ) => {
      const guard = await a.acquire({ shared: true });
      const { signal } = guard;
      const other = await b.acquire({ shared: true });
      const upgraded = guard.upgrade();
      await waiting(name, 1);
      assert.equal(guard.held, false);
      assert.equal(await sharers(name), 1, "its shared hold was given up");
      await other.release();
      assert.equal(await upgraded, false);
      assert.deepEqual([guard.held, guard.shared, signal.aborted], [true, false, false]);
      assert.ok(guard.token);
      assert.equal(await c.tryAcquire({ shared: true }), undefined);
      await guard.release();
      await (await c.tryAcquire())!.release();
    });

    test(`lets an earlier waiter go first in an upgrade, ${how}`, 3, { fair }, async (
      [a, b, c],
      name,
    ) => {
      const guard = await a.acquire({ shared: true });
      const other = await b.acquire({ shared: true });
      const order: string[] = [];
      const earlier = c.acquire().then((guard) => (order.push("earlier"), guard.release()));
      await waiting(name, 1);
      const upgraded = guard.upgrade().then((inPlace) => (order.push("upgraded"), inPlace));
      await waiting(name, 2);
      await other.release();
      assert.equal(await upgraded, false);
      await earlier;
      assert.deepEqual(order, ["earlier", "upgraded"]);
      await guard.release();
    });
  }

  test("keeps an upgraded hold, also if the wait took longer than a lease", 2, {
    leaseTime: 1200,
  }, async ([a, b], name) => {
    const guard = await a.acquire({ shared: true });
    const other = await b.acquire({ shared: true });
    const upgraded = guard.upgrade();
    await waiting(name, 1);
    await sleep(1300);
    await other.release();
    assert.equal(await upgraded, false);
    assert.deepEqual([guard.held, guard.signal.aborted], [true, false]);
    await guard.release();
  });

  test("upgrades of two sharers at once do not deadlock", 2, {}, async ([a, b]) => {
    for (let i = 0; i < 10; i++) {
      const guards = await Promise.all([a, b].map((lock) => lock.acquire({ shared: true })));
      let inside = 0;
      const results = await Promise.all(guards.map(async (guard) => {
        const inPlace = await guard.upgrade();
        assert.equal(++inside, 1);
        await a.owner();
        inside--;
        await guard.release();
        return inPlace;
      }));
      assert.ok(results.includes(false));
    }
  });

  test("is lost if an upgrade runs out of time", 3, {}, async ([a, b, c]) => {
    for (const timeout of [0, 20]) {
      const guard = await a.acquire({ shared: true });
      const { signal } = guard;
      const other = await b.acquire({ shared: true });
      await assert.rejects(guard.upgrade({ timeout }), isLost("TimeoutError"));
      assert.deepEqual([guard.held, guard.left, signal.aborted], [false, 0, true]);
      assert.ok(signal.reason instanceof LockLostError);
      await other.release();
      await (await c.acquire()).release();
      await guard[Symbol.asyncDispose](); // The error of the upgrade says it all.
      await assert.rejects(guard.release(), LockLostError);
      await assert.rejects(guard.upgrade(), /it was released before/);
    }
  });

  test("is lost if an upgrade is aborted", 2, {}, async ([a, b], name) => {
    const guard = await a.acquire({ shared: true });
    const other = await b.acquire({ shared: true });
    const controller = new AbortController();
    const upgraded = guard.upgrade({ signal: controller.signal });
    await waiting(name, 1);
    controller.abort();
    await assert.rejects(upgraded, isLost("AbortError"));
    await other.release();
    await waiting(name, 0);
    await (await b.tryAcquire())!.release();
  });

  test("is lost with the reason of the abort as the cause", 2, {}, async ([a, b], name) => {
    const reasons = [null, "enough", 3, Symbol("enough"), Object.create(null), new Error("enough")];
    for (const reason of reasons) {
      const guard = await a.acquire({ shared: true });
      const { signal } = guard;
      const other = await b.acquire({ shared: true });
      const controller = new AbortController();
      const upgraded = guard.upgrade({ signal: controller.signal });
      await waiting(name, 1);
      controller.abort(reason);
      await assert.rejects(upgraded, (error: unknown) => {
        assert.ok(error instanceof LockLostError, String(error));
        assert.match(error.message, /^Cannot upgrade "upgrade \d+": nothing is held any more\. ./);
        assert.ok("cause" in error);
        assert.equal(error.cause, reason);
        return true;
      });
      assert.deepEqual([guard.held, signal.aborted], [false, true]);
      await other.release();
      await guard[Symbol.asyncDispose](); // The error of the upgrade says it all.
      await waiting(name, 0);
    }
  });

  test("keeps its hold if an upgrade is called wrongly", 2, {}, async ([a, b]) => {
    const guard = await a.acquire({ shared: true });
    const reason = new Error("enough");
    await assert.rejects(guard.upgrade({ signal: AbortSignal.abort(reason) }), reason);
    await assert.rejects(guard.upgrade({ timeout: -1 }), RangeError);
    await assert.rejects(guard.upgrade(null!), TypeError);
    await assert.rejects(guard.downgrade(), /holds it shared already/);
    assert.deepEqual([guard.held, guard.shared], [true, true]);
    assert.equal(await guard.upgrade(), true);
    await assert.rejects(guard.upgrade(), /holds it exclusively already/);
    assert.equal(await b.tryAcquire({ shared: true }), undefined);
    await guard.release();
    await assert.rejects(guard.upgrade(), /released before/);
    await assert.rejects(guard.downgrade(), /released before/);
  });

  test("says that the hold was lost before", 1, { leaseTime: 60_000 }, async ([lock], name) => {
    const shared = await lock.acquire({ shared: true });
    await suite.redis.send("DEL", `interlock:{${name}}:lock`, `interlock:{${name}}:shared`);
    await assert.rejects(shared.upgrade(), isLost());
    await shared[Symbol.asyncDispose]();
    const alone = await lock.acquire();
    await suite.redis.send("DEL", `interlock:{${name}}:lock`);
    await assert.rejects(alone.downgrade(), isLost());
    assert.equal(alone.signal.aborted, true);
    await assert.rejects(alone.release(), LockLostError);
    const expired = new RedisLock(suite.redis, name, { maxHold: 10 });
    const guard = await expired.acquire();
    await until("the end of the hold", () => guard.signal.aborted);
    await assert.rejects(guard.downgrade(), isLost("LockLostError"));
    await assert.rejects(guard.release(), LockLostError);
    await expired.close();
  });

  test("is renewed in each mode", 2, { leaseTime: 2400 }, async ([a, b], name) => {
    const guard = await a.acquire({ shared: true });
    for (const change of [() => guard.upgrade(), () => guard.downgrade()]) {
      await change();
      await renewedAt(suite.redis, `interlock:{${name}}:lock`, 2);
      assert.equal(guard.held, true);
      assert.equal(await b.tryAcquire(), undefined);
    }
    await guard.release();
  });

  it("never changes its mode beside a renewal", DEADLINE, async () => {
    const name = `renewals ${++names}`;
    const digests = new Map(
      await Promise.all(
        Object.entries({ RENEW, DOWNGRADE, UPGRADE }).map(async ([what, source]) =>
          [await sha1(source), what] as const
        ),
      ),
    );
    const log: string[] = [];
    let hold: ((what: string) => Promise<void>) | undefined;
    const slow: RedisAdapter = {
      async send(command: string, ...args: string[]): Promise<Reply> {
        const what = digests.get(command === "EVALSHA" ? args[0] : await sha1(args[0] ?? ""));
        if (what !== undefined) {
          log.push(`${what} begins`);
          await hold?.(what);
        }
        try {
          return await suite.redis.send(command, ...args);
        } finally {
          if (what !== undefined) log.push(`${what} ends`);
        }
      },
      subscribe: (channel, listener) => suite.redis.subscribe(channel, listener),
      close: () => Promise.resolve(),
    };
    await using lock = new RedisLock(slow, name, { leaseTime: 2400 });
    await using guard = await lock.acquire();
    for (
      const [held, change] of [
        ["RENEW", "DOWNGRADE"],
        ["RENEW", "UPGRADE"],
        ["DOWNGRADE", "RENEW"],
        ["UPGRADE", "RENEW"],
      ]
    ) {
      const { promise, resolve } = Promise.withResolvers<void>();
      hold = (what) => what === held ? promise : Promise.resolve();
      log.length = 0;
      let changed: Promise<unknown> | undefined;
      if (held === "RENEW") {
        await until("a renewal", () => log.includes("RENEW begins"));
        changed = change === "UPGRADE" ? guard.upgrade() : guard.downgrade();
        await sleep(50);
      } else {
        changed = held === "UPGRADE" ? guard.upgrade() : guard.downgrade();
        await until("a change", () => log.includes(`${held} begins`));
        await sleep(900); // A third of the lease: a renewal is due.
      }
      assert.equal(log.at(-1), `${held} begins`, log.join());
      hold = undefined;
      resolve();
      await changed;
      assert.equal(guard.held, true);
    }
  });

  test("is not changed by a copy of an old request", 1, {}, async ([lock], name) => {
    const keys = (...parts: string[]) => parts.map((part) => `interlock:{${name}}:${part}`);
    const state = async () => [
      await suite.redis.send("GET", keys("lock")[0]),
      await suite.redis.send("ZRANGE", keys("shared")[0], "0", "-1"),
    ];
    const guard = await lock.acquire();
    const [first] = await state();
    await guard.downgrade();
    await guard.upgrade();
    const before = await state();
    const [second] = before;
    assert.notEqual(second, first);
    const downgrade = new Script(DOWNGRADE);
    const upgrade = new Script(UPGRADE);
    const toDowngrade = keys("lock", "token", "queue", "seen", "shared");
    const toUpgrade = keys("lock", "token", "shared");
    assert.equal(await downgrade.run(suite.redis, toDowngrade, [`${first}`, "10000", "0"]), 0);
    assert.deepEqual(await state(), before);
    await guard.downgrade();
    const shared = await state();
    const late = [`${second}`, "10000", "1", `${first}`];
    assert.deepEqual(await upgrade.run(suite.redis, toUpgrade, late), [-1]);
    assert.deepEqual(await state(), shared);
    await guard.release();
    assert.deepEqual(await upgrade.run(suite.redis, toUpgrade, late), [-1]);
    assert.equal(await downgrade.run(suite.redis, toDowngrade, [`${second}`, "10000", "0"]), 0);
    assert.deepEqual(await state(), [null, []]);
  });

  it("is upgraded again if the answer was lost, with a gap", DEADLINE, async () => {
    const name = `answers ${++names}`;
    await using way = await Proxy.start(suite.server.port);
    await using lock = new RedisLock(way.url, name, { leaseTime: 60_000, commandTimeout: 20_000 });
    await using other = new RedisLock(suite.redis, name);
    await using guard = await lock.acquire({ shared: true });
    way.onReply = cutOnce(way);
    const upgraded = guard.upgrade();
    assert.equal(await upgraded, false);
    assert.deepEqual([guard.held, guard.shared], [true, false]);
    assert.equal(await other.tryAcquire({ shared: true }), undefined);
  });

  it("is downgraded again if the answer was lost", DEADLINE, async () => {
    const name = `answers ${++names}`;
    await using way = await Proxy.start(suite.server.port);
    await using lock = new RedisLock(way.url, name, { leaseTime: 60_000, commandTimeout: 20_000 });
    await using other = new RedisLock(suite.redis, name);
    await using guard = await lock.acquire();
    way.onReply = cutOnce(way);
    const downgraded = guard.downgrade();
    await downgraded;
    assert.deepEqual([guard.held, guard.shared], [true, true]);
    await (await other.tryAcquire({ shared: true }))!.release();
  });

  it("gets the lock of a dead sharer when its lease ends", DEADLINE, async () => {
    const name = "dead sharer";
    await using child = redisProcess(suite.server.url, name, `{"leaseTime":3000,"shared":true}`);
    assert.equal(await child.line(), "ready");
    await ask(child, "acquire");
    await using lock = new RedisLock(suite.redis, name);
    await using guard = await lock.acquire({ shared: true });
    const upgraded = guard.upgrade();
    await waiting(name, 1);
    child.kill();
    await child.ended;
    assert.equal(await upgraded, false);
    assert.equal(guard.held, true);
  });

  for (const change of ["upgrade", "downgrade"] as const) {
    it(
      `of a process that is killed after the ${change} ends with its lease`,
      DEADLINE,
      async () => {
        const name = `killed after ${change}`;
        const shared = change === "upgrade";
        await using child = redisProcess(
          suite.server.url,
          name,
          JSON.stringify({ leaseTime: 4000, shared }),
        );
        assert.equal(await child.line(), "ready");
        await ask(child, "acquire");
        assert.match(await ask(child, change), shared ? /^true \d+$/ : /^undefined undefined$/);
        await using lock = new RedisLock(suite.redis, name);
        assert.equal(await lock.tryAcquire(), undefined);
        child.kill();
        const pid = child.pid;
        await child.ended;
        await using guard = await lock.acquire();
        assert.equal(guard.recovered, shared, "a dead sharer leaves nothing half-written");
        if (shared) assert.equal(guard.previousOwner?.pid, pid);
      },
    );
  }

  test("learns by the upgrade that the last exclusive holder died", 3, {}, async ([a, b], name) => {
    const lost = new RedisLock(suite.redis, name, { leaseTime: 400, maxHold: 20, label: "lost" });
    const dead = await lost.acquire();
    await until("the end of the hold", () => dead.signal.aborted);
    const guard = await a.acquire({ shared: true });
    assert.equal(await guard.upgrade(), true);
    assert.deepEqual([guard.recovered, guard.previousOwner?.label], [true, "lost"]);
    await guard.downgrade();
    await guard.release();
    await using next = await b.acquire();
    assert.equal(next.recovered, false);
    await assert.rejects(dead.release(), LockLostError);
    await lost.close();
  });

  test(
    "of a reentrant lock changes with the others of its hold",
    2,
    { reentrant: true },
    async ([a, b]) => {
      const outer = await a.acquire({ shared: true });
      const inner = await a.acquire({ shared: true });
      assert.equal(await inner.upgrade(), true);
      assert.deepEqual([outer.shared, outer.token], [false, inner.token]);
      const third = await a.acquire();
      assert.equal(third.token, inner.token);
      await third.release();
      const { token } = inner;
      await inner.release();
      await outer.downgrade();
      assert.deepEqual([outer.shared, inner.shared, inner.token], [true, false, token]);
      await (await b.tryAcquire({ shared: true }))!.release();
      await assert.rejects(a.acquire(), /Upgrade that guard/);
      assert.equal(await b.tryAcquire(), undefined);
      await outer.release();
      await (await b.tryAcquire())!.release();
    },
  );

  test(
    "of a reentrant lock makes its other tasks wait for the upgrade",
    2,
    { reentrant: true },
    async ([a, b], name) => {
      const guard = await a.acquire({ shared: true });
      const other = await b.acquire({ shared: true });
      const upgraded = guard.upgrade();
      await waiting(name, 1);
      assert.equal(await a.tryAcquire(), undefined);
      const again = a.acquire();
      const second = guard.downgrade();
      await assert.rejects(a.acquire({ timeout: 20 }), { name: "TimeoutError" });
      await other.release();
      assert.equal(await upgraded, false);
      await second;
      // Which of both was first decides whether it was too late to ask for the exclusive lock.
      await again.then((guard) => guard.release(), (error) => assert.match(`${error}`, /Upgrade/));
      assert.equal(guard.shared, true);
      await guard.release();
      await (await b.tryAcquire())!.release();
    },
  );

  test(
    "of a lock with localHandOff does not hand on a downgraded hold",
    2,
    { localHandOff: { holds: 50, time: Infinity } },
    async ([a, b], name) => {
      const guard = await a.acquire();
      const tasks = [a.acquire(), a.acquire()];
      await guard.downgrade();
      await (await b.tryAcquire({ shared: true }))?.release();
      await waiting(name, 1); // The next task asks the server.
      await guard.release();
      const first = await tasks[0];
      assert.ok(first.token);
      await first.release();
      const second = await tasks[1];
      assert.ok(second.token! > first.token!);
      await second.release();
      await (await b.tryAcquire())!.release();
    },
  );

  test(
    "of a lock with localHandOff hands on an upgraded hold, with tokens of their own",
    1,
    { localHandOff: { holds: 10, time: Infinity } },
    async ([lock]) => {
      const tokens: number[] = [];
      for (let i = 0; i < 3; i++) {
        const guard = await lock.acquire({ shared: true });
        await guard.upgrade();
        tokens.push(guard.token!);
        const tasks = Array.from({ length: 5 }, async () => {
          await using guard = await lock.acquire();
          assert.equal(guard.shared, false);
          tokens.push(guard.token!);
        });
        await guard.release();
        await Promise.all(tasks);
      }
      assert.equal(new Set(tokens).size, 18);
      assert.deepEqual(tokens, tokens.toSorted((a, b) => a - b));
      await (await lock.tryAcquire())!.release();
    },
  );

  test("is lost when its lock is closed in an upgrade", 2, {}, async ([a, b], name) => {
    const guard = await a.acquire({ shared: true });
    const other = await b.acquire({ shared: true });
    const upgraded = assert.rejects(guard.upgrade(), isLost("TypeError"));
    await waiting(name, 1);
    await a.close();
    await upgraded;
    await guard[Symbol.asyncDispose]();
    await other.release();
    await (await b.tryAcquire())!.release();
  });

  test("waits for its change when it is released or closed", 2, {}, async ([a, b]) => {
    const guard = await a.acquire();
    const changes: Promise<unknown>[] = [guard.downgrade(), guard.upgrade(), guard.downgrade()];
    await guard.release();
    assert.deepEqual((await Promise.allSettled(changes)).map(({ status }) => status), [
      "fulfilled",
      "fulfilled",
      "fulfilled",
    ]);
    const next = (await b.tryAcquire())!;
    const downgraded = next.downgrade();
    await b.close();
    await downgraded;
    await (await a.tryAcquire())!.release();
  });

  it("is still exclusive if the server refuses a downgrade", DEADLINE, async () => {
    const name = `refused ${++names}`;
    await suite.redis.send("ACL", "SETUSER", "user", "on", ">pw", "~*", "&*", "+@all");
    const url = suite.server.url.replace("redis://", "redis://user:pw@");
    await using lock = new RedisLock(url, name);
    await using guard = await lock.acquire();
    await suite.redis.send("ACL", "SETUSER", "user", "+@all", "-zadd");
    await assert.rejects(guard.downgrade(), { name: "RefusedError", code: "NOPERM" });
    assert.deepEqual([guard.held, guard.shared], [true, false]);
    await suite.redis.send("ACL", "SETUSER", "user", "+@all", "-eval", "-evalsha");
    await assert.rejects(guard.downgrade(), (error) => {
      assert.ok(error instanceof UnsupportedError);
      assert.match(error.message, /runs no scripts/);
      return true;
    });
    await suite.redis.send("ACL", "SETUSER", "user", "+@all");
    await guard.downgrade();
    await suite.redis.send("ACL", "SETUSER", "user", "+@all", "-hset");
    await assert.rejects(guard.upgrade(), { name: "RefusedError", code: "NOPERM" });
    assert.deepEqual([guard.held, guard.shared], [true, true]);
    await suite.redis.send("ACL", "SETUSER", "user", "+@all");
    assert.equal(await guard.upgrade(), true);
  });

  it("cannot be constructed by a program", DEADLINE, async () => {
    await using lock = new RedisLock(suite.redis, `constructor ${++names}`);
    await using guard = await lock.acquire();
    const made = new (guard.constructor as new () => RedisSharableGuard)();
    assert.equal(made.release, undefined);
    assert.equal("held" in made, false);
  });
});

async function sha1(text: string): Promise<string> {
  const bytes = await crypto.subtle.digest("SHA-1", new TextEncoder().encode(text));
  return Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
