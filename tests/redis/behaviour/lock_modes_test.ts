import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { DeadlockError } from "../../../src/contract/mod.ts";
import { RedisLock, type RedisLockOptions } from "../../../src/redis/mod.ts";
import { skip } from "../../support/redis_server.ts";
import { ask, redisProcess } from "../redis_process.ts";
import { startServers, waitersAt, withLocks } from "../suite.ts";

const DEADLINE = { timeout: 60_000 };

describe("RedisLock", { skip }, () => {
  const suite = startServers();

  let names = 0;
  const withNewLocks = (
    count: number,
    options: RedisLockOptions,
    body: (locks: RedisLock[], name: string) => Promise<void>,
  ) => withLocks(count, suite.redis, `modes ${++names}`, options, body);
  const waiting = (name: string, count: number) => waitersAt(suite.redis, name, count);

  describe("that is shared", () => {
    it(
      "has many shared holders, and no exclusive one beside them",
      DEADLINE,
      () =>
        withNewLocks(3, {}, async ([a, b, c]) => {
          const first = await a.acquire({ shared: true });
          const second = await b.tryAcquire({ shared: true });
          const third = (await a.tryAcquire({ shared: true }))!;
          assert.ok(second);
          assert.equal(first.token, undefined);
          assert.equal(await c.tryAcquire(), undefined);
          await assert.rejects(c.acquire({ timeout: 0 }), /in time: others share it/);
          assert.equal(await c.owner(), undefined);
          await first.release();
          await second.release();
          assert.equal(await c.tryAcquire(), undefined);
          await third.release();
          const alone = await c.tryAcquire();
          assert.ok(alone?.token);
          assert.equal(await a.tryAcquire({ shared: true }), undefined);
          await alone.release();
        }),
    );

    it(
      "queues shared requests behind exclusive ones",
      DEADLINE,
      () =>
        withNewLocks(3, {}, async ([a, b, c], name) => {
          const reader = await a.acquire({ shared: true });
          const order: string[] = [];
          const alone = b.acquire().then((guard) => (order.push("alone"), guard));
          await waiting(name, 1);
          assert.equal(await c.tryAcquire({ shared: true }), undefined);
          const readers = [a, c].map((lock) =>
            lock.acquire({ shared: true }).then((guard) => (order.push("shared"), guard))
          );
          await waiting(name, 3);
          await reader.release();
          await (await alone).release();
          for (const guard of await Promise.all(readers)) await guard.release();
          assert.deepEqual(order, ["alone", "shared", "shared"]);
        }),
    );

    it(
      "grants the lock to all waiting sharers at once",
      DEADLINE,
      () =>
        withNewLocks(4, {}, async ([a, ...others], name) => {
          const alone = await a.acquire();
          const readers = others.map((lock) => lock.acquire({ shared: true }));
          await waiting(name, 3);
          await alone.release();
          const guards = await Promise.all(readers);
          assert.ok(guards.every((guard) => guard.held));
          await Promise.all(guards.map((guard) => guard.release()));
        }),
    );

    it("forgets a dead sharer", DEADLINE, async () => {
      await using child = redisProcess(
        suite.server.url,
        "dead reader",
        `{"leaseTime":400,"shared":true}`,
      );
      assert.equal(await child.line(), "ready");
      await ask(child, "acquire");
      await using lock = new RedisLock(suite.redis, "dead reader");
      const mine = await lock.acquire({ shared: true });
      assert.equal(await lock.tryAcquire(), undefined);
      child.kill();
      await child.ended;
      await mine.release();
      await (await lock.acquire()).release();
    });
  });

  describe("that is fair", () => {
    it(
      "is granted in the order of the requests",
      DEADLINE,
      () =>
        withNewLocks(3, { fair: true }, async (locks, name) => {
          const guard = await locks[0].acquire();
          const order: number[] = [];
          const all: Promise<void>[] = [];
          for (let i = 0; i < 12; i++) {
            all.push(locks[i * 7 % 3].acquire().then((guard) => (order.push(i), guard.release())));
            await waiting(name, i + 1);
          }
          assert.equal(await locks[1].tryAcquire(), undefined);
          await guard.release();
          await Promise.all(all);
          assert.deepEqual(order, Array.from({ length: 12 }, (_, i) => i));
        }),
    );

    it(
      "cannot be acquired by a client that has not waited",
      DEADLINE,
      () =>
        withNewLocks(2, { fair: true }, async ([a, b], name) => {
          const guard = await a.acquire();
          const first = b.acquire();
          await waiting(name, 1);
          const second = guard.release().then(() => a.tryAcquire());
          assert.equal(await second, undefined);
          await (await first).release();
        }),
    );

    for (const [how, signal] of [["dead", "SIGKILL"], ["stopped", "SIGSTOP"]] as const) {
      it(`is granted to the waiter behind one that is ${how}`, DEADLINE, async () => {
        const name = `waiter ${how}`;
        await using child = redisProcess(suite.server.url, name, `{"fair":true}`);
        assert.equal(await child.line(), "ready");
        await using lock = new RedisLock(suite.redis, name, { fair: true });
        const guard = await lock.acquire();
        child.tell("acquire");
        await waiting(name, 1);
        const mine = lock.acquire({ timeout: 4500 }); // Less than the time after which it asks by itself.
        await waiting(name, 2);
        if (signal === "SIGSTOP") child.stop(signal);
        else {
          child.kill();
          await child.ended;
        }
        await guard.release();
        await (await mine).release();
      });
    }
  });

  describe("that is reentrant", () => {
    it(
      "is acquired again by its holder, with the same token, and released once by each guard",
      DEADLINE,
      () =>
        withNewLocks(2, { reentrant: true }, async ([lock, other]) => {
          const outer = await lock.acquire();
          const inner = await lock.acquire();
          const tried = await lock.tryAcquire();
          const shared = await lock.acquire({ shared: true });
          assert.deepEqual([inner.token, tried?.token], [outer.token, outer.token]);
          for (const guard of [outer, tried!, shared]) {
            await guard.release();
            assert.equal(await other.tryAcquire(), undefined);
          }
          await inner.release();
          await (await other.tryAcquire())!.release();
        }),
    );

    it(
      "cannot be acquired exclusively while the object shares it",
      DEADLINE,
      () =>
        withNewLocks(1, { reentrant: true }, async ([lock]) => {
          const guard = await lock.acquire({ shared: true });
          await assert.rejects(lock.acquire(), DeadlockError);
          assert.equal(await lock.tryAcquire(), undefined);
          await (await lock.acquire({ shared: true })).release();
          await guard.release();
          await (await lock.tryAcquire())!.release();
        }),
    );

    it(
      "is one hold for tasks that acquire it at the same time",
      DEADLINE,
      () =>
        withNewLocks(1, { reentrant: true }, async ([lock]) => {
          const guards = await Promise.all([lock.acquire(), lock.acquire(), lock.acquire()]);
          assert.equal(new Set(guards.map(({ token }) => token)).size, 1);
          for (const guard of guards) await guard.release();
          await (await lock.tryAcquire())!.release();
        }),
    );
  });

  describe("with localHandOff", () => {
    const commands = async () => {
      const stats = String(await suite.redis.send("INFO", "commandstats"));
      return Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1] ?? 0);
    };

    it(
      "asks the server once for many tasks, each with a token of its own",
      DEADLINE,
      () =>
        withNewLocks(1, { localHandOff: { holds: 50, time: Infinity } }, async ([lock]) => {
          await (await lock.acquire()).release();
          const before = await commands();
          const tokens: number[] = [];
          let inside = 0;
          await Promise.all(Array.from({ length: 200 }, async () => {
            await using guard = await lock.acquire();
            assert.equal(++inside, 1, "two tasks are inside");
            tokens.push(guard.token!);
            await Promise.resolve();
            inside--;
          }));
          assert.ok(tokens.every((token, i) => i === 0 || token > tokens[i - 1]), `${tokens}`);
          assert.equal(await commands() - before, 8, "4 times 50 tasks are 4 holds");
        }),
    );

    it(
      "leaves the lock to other clients in between",
      DEADLINE,
      () =>
        withNewLocks(
          2,
          { localHandOff: { holds: 10, time: Infinity } },
          async ([busy, other], name) => {
            let ends = false;
            let rounds = 0;
            const task = async () => {
              while (!ends) {
                await using _guard = await busy.acquire();
                rounds++;
                // The other one must be queued before this one has used up its bound.
                if (rounds < 3) await waiting(name, 1);
              }
            };
            const guard = await other.acquire();
            const tasks = [task(), task(), task()];
            await waiting(name, 1);
            const mine = guard.release().then(() => other.acquire());
            await (await mine).release();
            ends = true;
            await Promise.all(tasks);
            assert.ok(rounds >= 3);
          },
        ),
    );

    it(
      "does not hand the lock on to sharers",
      DEADLINE,
      () =>
        withNewLocks(1, { localHandOff: { time: Infinity } }, async ([lock], name) => {
          const guard = await lock.acquire();
          const reader = lock.acquire({ shared: true });
          const next = lock.acquire();
          await waiting(name, 1);
          await guard.release();
          const alone = await next;
          assert.ok(alone.token);
          await alone.release();
          const shared = await reader;
          assert.equal(shared.token, undefined);
          await shared.release();
        }),
    );

    it(
      "passes the turn on when a task gives up",
      DEADLINE,
      () =>
        withNewLocks(1, { localHandOff: true }, async ([lock]) => {
          for (let i = 0; i < 40; i++) {
            const guard = await lock.acquire();
            const controller = new AbortController();
            const first = lock.acquire({ signal: controller.signal }).catch(() => undefined);
            const second = lock.acquire();
            if (i % 4 > 1) await Promise.resolve();
            const acts = [() => controller.abort(), () => void guard.release()];
            if (i % 2 === 0) acts.reverse();
            for (const act of acts) act();
            await (await first)?.release();
            await (await second).release();
          }
          await (await lock.tryAcquire())!.release();
        }),
    );
  });
});
