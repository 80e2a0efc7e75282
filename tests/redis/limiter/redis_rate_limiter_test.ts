import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { partOf } from "../../../src/redis/client/names.ts";
import { TAKE_RATE } from "../../../src/redis/limiter/limiter_scripts.ts";
import {
  type RateLimiterOptions,
  type RedisAdapter,
  RedisRateLimiter,
} from "../../../src/redis/mod.ts";
import { skip } from "../../support/redis_server.ts";
import { randomOf } from "../../support/random.ts";
import { until } from "../../support/until.ts";
import { startServers } from "../suite.ts";

const DEADLINE = { timeout: 60_000 };
/** So long that a test fails if it waits for its end. */
const LONG = 600_000;

/** A grant, by the clock of the server in microseconds. */
interface Grant {
  readonly at: number;
  readonly permits: number;
  /** When the server was asked. */
  readonly asked: number;
}

describe("RedisRateLimiter", { skip }, () => {
  const suite = startServers();
  let names = 0;

  const name = () => `limiter-${++names}`;
  const test = (title: string, body: () => Promise<void>) => it(title, DEADLINE, body);
  const open = (name: string, options: RateLimiterOptions, source = suite.redis) =>
    new RedisRateLimiter(source, name, options);
  const serverTime = async () => {
    const [seconds, micros] = await suite.redis.send("TIME") as string[];
    return Number(seconds) * 1e6 + Number(micros);
  };

  /**
   * The server, which logs each grant by its own clock, in the step that grants it. It runs the
   * script by its source, with a clock that is set back by `back()` seconds.
   */
  const logging = (log: string, back = () => 0): RedisAdapter => ({
    async send(command, ...args) {
      if (command === "EVALSHA") throw new Error("NOSCRIPT by the source, please");
      if (command !== "EVAL" || args[0] !== TAKE_RATE) {
        return await suite.redis.send(command, ...args);
      }
      const source = args[0].replace("call('TIME')", "clock()");
      assert.notEqual(source, args[0]);
      const logged = `
        local time = redis.call('TIME')
        local function clock()
          return { time[1] - ${back()}, time[2] }
        end
        local reply = (function() ${source} end)()
        local asked = time[1] * 1000000 + time[2]
        local line = string.format('%.0f %.0f %.0f', asked + reply[2], ARGV[1], asked)
        if reply[1] == 1 then redis.call('RPUSH', '${log}', line) end
        return reply`;
      return await suite.redis.send("EVAL", logged, ...args.slice(1));
    },
    subscribe: () => Promise.reject(new Error("nothing to hear")),
    close: () => Promise.resolve(),
  });
  const grantsIn = async (log: string): Promise<Grant[]> => {
    const lines = await suite.redis.send("LRANGE", log, "0", "-1") as string[];
    return lines.map((line) => {
      const [at, permits, asked] = line.split(" ").map(Number);
      return { at, permits, asked };
    }).sort((a, b) => a.at - b.at);
  };

  /** The most permits in any interval that begins with a grant, and so in any interval. */
  const mostIn = (grants: readonly Grant[], interval: number) =>
    Math.max(
      ...grants.map(({ at: first }) =>
        grants.filter(({ at }) => at >= first && at < first + interval * 1000)
          .reduce((sum, { permits }) => sum + permits, 0)
      ),
    );

  /** Clients with connections of their own acquire permits, some of them many, some without waiting. */
  async function contend(options: RateLimiterOptions, log: string): Promise<Grant[]> {
    const pool = name();
    const most = options.burst ?? options.limit;
    const random = randomOf(19);
    const clients = Array.from({ length: 12 }, () => open(pool, options, logging(log)));
    await Promise.all(clients.map(async (limiter) => {
      for (let i = 0; i < 4; i++) {
        const permits = random() < 0.2 ? most : 1 + Math.floor(random() * 3);
        if (random() < 0.4) await limiter.tryAcquire({ permits });
        else await limiter.acquire({ permits });
      }
    }));
    for (const limiter of clients) await limiter.close();
    return await grantsIn(log);
  }

  test("grants no more than its limit in any interval, and no less", async () => {
    const [limit, interval] = [50, 30];
    const grants = await contend({ limit, interval }, "log-window");
    const most = mostIn(grants, interval);
    assert.ok(most <= limit, `${most} permits in ${interval} ms`);
    assert.ok(mostIn(grants, 3 * interval) > limit, "there was no contention");
    const pool = name();
    await using limiter = open(pool, { limit: 5, interval: 20 }, logging("log-full"));
    await Promise.all(Array.from({ length: 50 }, () => limiter.acquire()));
    const all = await grantsIn("log-full");
    assert.equal(mostIn(all, 20), 5);
    // Each member of the log adds at most a thousandth of the interval.
    const took = all.at(-1)!.at - all[0].at;
    assert.ok(took >= 9 * 20_000, `${took} µs`);
    // A request that came late may have left a gap; none is granted later than planned.
    const late = all.slice(5).map(({ at, asked }, i) => at - Math.max(asked, all[i].at + 20_000));
    assert.ok(late.every((micros) => micros <= 100), `${late}`);
  });

  test("fills a bucket evenly, up to the burst", async () => {
    const [limit, interval, burst] = [1000, 1000, 10];
    const grants = await contend({ limit, interval, burst }, "log-bucket");
    let spent = 0;
    let lowest = Infinity;
    for (const { at, permits } of grants) {
      // What was in the bucket since the grant that left least in it, compared with its size.
      const refilled = (at - grants[0].at) / 1000 * limit / interval;
      lowest = Math.min(lowest, spent - refilled);
      spent += permits;
      const since = spent - refilled - lowest;
      assert.ok(since <= burst + 0.01, `${since} of ${burst} permits at once`);
    }
    await using even = open(name(), { limit: 100, interval: 1000, burst: 1 }, logging("log-even"));
    await Promise.all(Array.from({ length: 8 }, () => even.acquire()));
    const spaced = await grantsIn("log-even");
    for (let i = 1; i < 8; i++) assert.ok(spaced[i].at - spaced[i - 1].at >= 9_999);
    assert.ok(spaced.some(({ at }, i) => i > 0 && at - spaced[i - 1].at <= 10_001));
  });

  for (const burst of [undefined, 3]) {
    const kind = burst === undefined ? "window" : "bucket";
    const options = (interval: number) => ({ limit: 3, interval, burst });

    test(`says when to come back, and what is left: ${kind}`, async () => {
      await using slow = open(name(), options(LONG));
      assert.deepEqual(await slow.tryAcquire(), { granted: true, retryAfter: 0, remaining: 2 });
      assert.equal((await slow.tryAcquire({ permits: 2 })).remaining, 0);
      const { remaining, retryAfter } = await slow.tryAcquire();
      assert.ok(remaining === 0 && retryAfter > 0 && retryAfter <= LONG, `${retryAfter}`);
      await using quick = open(name(), options(40));
      const refused = await until("a refusal", async () => {
        const decision = await quick.tryAcquire({ permits: 3 });
        return decision.granted ? undefined : decision;
      });
      await sleep(refused.retryAfter + 2);
      assert.equal((await quick.tryAcquire({ permits: 3 })).granted, true);
    });

    test(`does not resolve before the permits are free: ${kind}`, async () => {
      await using limiter = open(name(), options(40));
      const before = await serverTime();
      for (let i = 0; i < 3; i++) await limiter.acquire({ permits: 3 });
      assert.ok(await serverTime() - before >= 80_000);
    });

    test(`serves its waiters in their order, also one that wants many: ${kind}`, async () => {
      const pool = name();
      await using one = open(pool, options(250));
      await using two = open(pool, options(250));
      await one.acquire({ permits: 2 });
      const order: string[] = [];
      const waiting = [
        one.acquire({ permits: 3 }).then(() => order.push("many")),
        two.acquire().then(() => order.push("few")),
      ];
      assert.equal((await two.tryAcquire()).granted, false, "it overtook");
      await Promise.all(waiting);
      assert.deepEqual(order, ["many", "few"]);
    });

    test(`rejects at once if the timeout is too short, and reserves nothing: ${kind}`, async () => {
      await using limiter = open(name(), options(LONG));
      await limiter.acquire({ permits: 3, timeout: 0 });
      for (let i = 0; i < 3; i++) {
        await assert.rejects(limiter.acquire({ timeout: LONG / 4 }), {
          name: "TimeoutError",
          message: /^Cannot acquire the rate limiter ".*" in time: .* free in \d{6} ms$/,
        });
      }
      const { retryAfter } = await limiter.tryAcquire();
      assert.ok(retryAfter <= LONG, `${retryAfter}`);
    });

    test(`gives back what a waiter had reserved that gives up: ${kind}`, async () => {
      const pool = name();
      await using limiter = open(pool, options(LONG));
      await limiter.acquire({ permits: 3 });
      const before = await limiter.tryAcquire({ permits: 3 });
      const controllers = Array.from({ length: 3 }, () => new AbortController());
      const waiting = controllers.map(({ signal }) => limiter.acquire({ permits: 3, signal }));
      const reserved = async () => (await limiter.tryAcquire({ permits: 3 })).retryAfter;
      await until("the reservations", async () => await reserved() > 3.5 * LONG);
      // Not in the order of the reservations.
      for (const i of [1, 2, 0]) {
        controllers[i].abort(new Error("enough"));
        await assert.rejects(waiting[i], /enough/);
      }
      await until("nothing reserved", async () => await reserved() <= before.retryAfter);
      const closing = open(pool, options(LONG));
      const refused = assert.rejects(closing.acquire(), /was closed/);
      await until("the reservation", async () => await reserved() > before.retryAfter);
      await closing.close();
      await refused;
      await assert.rejects(closing.tryAcquire(), /was closed/);
      assert.ok(await reserved() <= before.retryAfter);
    });

    test(`goes on if the clock is set back: ${kind}`, async () => {
      let back = 0;
      const interval = 50;
      await using limiter = open(
        name(),
        options(interval),
        logging(`log-back-${kind}`, () => back),
      );
      await limiter.acquire({ permits: 3 });
      for (back of [3600, 7200]) {
        await limiter.acquire({ permits: 2 });
        const { granted, retryAfter } = await limiter.tryAcquire({ permits: 3 });
        assert.ok(granted || retryAfter <= interval, `${retryAfter}`);
      }
      const grants = await grantsIn(`log-back-${kind}`);
      assert.ok(mostIn(grants, interval) <= (burst === undefined ? 3 : 6));
    });

    test(`keeps its keys for as long as they limit anything: ${kind}`, async () => {
      const pool = name();
      await using limiter = open(pool, options(30));
      const keys = () => suite.redis.send("KEYS", `interlock:{*${pool}*}*`) as Promise<string[]>;
      await limiter.acquire({ permits: 3, key: "user" });
      await limiter.acquire({ permits: 3 });
      await limiter.acquire({ permits: 3 });
      for (const key of await keys()) assert.ok(Number(await suite.redis.send("PTTL", key)) <= 35);
      await until("no key", async () => (await keys()).length === 0);
    });
  }

  test("limits each key by itself", async () => {
    const pool = name();
    await using limiter = open(pool, { limit: 1, interval: LONG });
    const keys = [undefined, "", "a", "b", `1:${pool}`, "{x}", "a:b"];
    for (const key of keys) assert.equal((await limiter.tryAcquire({ key })).granted, true);
    for (const key of keys) assert.equal((await limiter.tryAcquire({ key })).granted, false);
  });

  test("keeps a short log, whatever the number of permits", async () => {
    const pool = name();
    await using limiter = open(pool, { limit: 1_000_000, interval: 1000 });
    const log = partOf(pool, "rate-log");
    await limiter.acquire({ permits: 900_000 });
    const many = Array.from({ length: 1500 }, () => limiter.tryAcquire());
    assert.ok((await Promise.all(many)).every(({ granted }) => granted));
    assert.ok(Number(await suite.redis.send("ZCARD", log)) <= 1002);
  });

  test("refuses before it sends anything", async () => {
    const pool = name();
    await using sliding = open(pool, { limit: 10, interval: LONG });
    await using bucket = open(pool, { limit: 10, interval: LONG, burst: 2 });
    await assert.rejects(sliding.acquire({ permits: 20 }), {
      name: "RangeError",
      message: `Cannot acquire 20 permits of "${pool}": its limit is 10. Ask for fewer at a time`,
    });
    await assert.rejects(bucket.tryAcquire({ permits: 3 }), { message: /its burst is 2/ });
    await assert.rejects(sliding.tryAcquire({ permits: 0 }), RangeError);
    await assert.rejects(sliding.acquire({ signal: AbortSignal.abort(new Error("no")) }), /no/);
    assert.deepEqual(await suite.redis.send("KEYS", `*${pool}*`), []);
  });

  test("says that another kind of value is at its key", async () => {
    for (const part of ["rate", "rate-log"]) {
      const pool = name();
      await suite.redis.send("SET", partOf(pool, part), "text");
      await using limiter = open(pool, { limit: 1, interval: 1000 });
      await assert.rejects(limiter.acquire(), { name: "MisconfiguredError", code: "WRONGTYPE" });
    }
  });
});
