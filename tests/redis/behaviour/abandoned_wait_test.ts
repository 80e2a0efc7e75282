import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { RELEASE } from "../../../src/redis/server_lock/lock_scripts.ts";
import {
  type RedisAdapter,
  type RedisGuard,
  RedisLock,
  RedisSemaphore,
  type Reply,
} from "../../../src/redis/mod.ts";
import { RELEASE_PERMITS } from "../../../src/redis/semaphore/semaphore_scripts.ts";
import { skip } from "../../support/redis_server.ts";
import { startServers } from "../suite.ts";
import { until } from "../../support/until.ts";

const DEADLINE = { timeout: 60_000 };
/** So long that nothing ends by itself. */
const leaseTime = 60_000;
/** More steps than an acquire takes. */
const MOST_STEPS = 40;

/** A lock or a semaphore. */
interface AnyLock extends AsyncDisposable {
  acquire(options?: { signal?: AbortSignal }): Promise<RedisGuard>;
  close(): Promise<void>;
}

/** The scripts that the servers know: an unknown one takes two steps, so a known one may overtake it. */
const KNOWN = ["all scripts", "the last script", "no script"] as const;
type Known = typeof KNOWN[number];

type Sources = readonly RedisAdapter[];

const LOCKS: Readonly<Record<string, (sources: Sources) => AnyLock>> = {
  RedisLock: ([source]) => new RedisLock(source, "n", { leaseTime }),
  "RedisLock, fair": ([source]) => new RedisLock(source, "n", { leaseTime, fair: true }),
  "RedisLock, shared": ([source]) => new RedisLock(source, "n", { leaseTime, shared: true }),
  "RedisLock, local": ([source]) => new RedisLock(source, "n", { leaseTime, localHandOff: true }),
  RedisSemaphore: ([source]) => new RedisSemaphore(source, "n", 1, { leaseTime }),
  "RedisSemaphore, fair": ([source]) =>
    new RedisSemaphore(source, "n", 1, { leaseTime, fair: true }),
  "RedisLock of three servers": (sources) =>
    new RedisLock(sources, "n", { leaseTime, restartGuard: false }),
};

describe("a waiter that gives up", { skip }, () => {
  const { adapters: all } = startServers(3);

  /** Connections that call `step` before and after each command. */
  const stepping = (step: () => void): Sources =>
    all.map((adapter) => ({
      async send(command, ...args) {
        step();
        return await adapter.send(command, ...args).finally(step);
      },
      async subscribe(channel, listener) {
        step();
        return await adapter.subscribe(channel, listener).finally(step);
      },
      close: () => Promise.resolve(),
    }));

  /** The keys of holds and waiters of all servers. */
  const traces = async (): Promise<unknown[]> => {
    const found = all.map(async (redis) => {
      const keys = await redis.send("KEYS", "interlock:{*") as string[];
      return keys.filter((key) => !/(token|semaphore)$/.test(key));
    });
    return (await Promise.all(found)).flat().sort();
  };
  const channels = async (): Promise<Reply[]> =>
    await Promise.all(all.map((redis) => redis.send("PUBSUB", "CHANNELS")));
  const begin = async (known: Known) => {
    for (const redis of all) await redis.send("FLUSHALL");
    await forget(known);
  };
  const forget = async (known: Known) => {
    for (const redis of all) {
      if (known !== "all scripts") await redis.send("SCRIPT", "FLUSH");
      if (known !== "the last script") continue;
      for (const script of [RELEASE, RELEASE_PERMITS]) await redis.send("SCRIPT", "LOAD", script);
    }
  };

  for (const [kind, make] of Object.entries(LOCKS)) {
    it(`leaves nothing behind at any step: ${kind}, free`, DEADLINE, async () => {
      let over = 0;
      for (let at = 0; at < MOST_STEPS * KNOWN.length && over < KNOWN.length; at++) {
        await begin(KNOWN[at % KNOWN.length]);
        const controller = new AbortController();
        let left = 1 + Math.floor(at / KNOWN.length);
        const tested = make(stepping(() => --left === 0 && controller.abort()));
        const guard = await tested.acquire({ signal: controller.signal }).catch((error) => {
          assert.equal(error.name, "AbortError");
        });
        over = left > 0 ? over + 1 : 0; // It was granted earlier.
        await guard?.release();
        await until("nothing left", async () => (await traces()).length === 0);
        await using other = make(all);
        await (await other.acquire({ signal: AbortSignal.timeout(30_000) })).release();
        await tested.close();
      }
      assert.equal(over, KNOWN.length);
      await until("no channel", async () => (await channels()).flat().length === 0);
    });

    it(`leaves nothing behind at any step: ${kind}, held`, DEADLINE, async () => {
      await using holder = kind === "RedisLock, shared"
        ? new RedisLock(all[0], "n", { leaseTime }) // The other one waits for it.
        : make(all);
      let over = 0;
      for (let at = 0; at < MOST_STEPS * KNOWN.length && over < KNOWN.length; at++) {
        await begin("all scripts");
        const held = await holder.acquire();
        // A majority of several servers is enough, so wait for all.
        const holds = kind === "RedisLock of three servers" ? 3 : 1;
        await until("all holds", async () => (await traces()).length === holds);
        const before = await traces();
        await forget(KNOWN[at % KNOWN.length]);
        const controller = new AbortController();
        let left = 1 + Math.floor(at / KNOWN.length);
        const tested = make(stepping(() => --left === 0 && controller.abort()));
        const rejected = assert.rejects(tested.acquire({ signal: controller.signal }), {
          name: "AbortError",
        });
        let isSettled = false;
        rejected.finally(() => isSettled = true).catch(() => {});
        const asleep = async () =>
          isSettled || (await traces()).some((key) => /queue$/.test(`${key}`));
        await until("the abort, or the sleep", asleep);
        over = isSettled ? 0 : over + 1;
        if (!isSettled) controller.abort();
        await rejected;
        await until("nothing left", async () => {
          return JSON.stringify(await traces()) === JSON.stringify(before);
        });
        assert.equal(held.held, true);
        await held.release();
        await until("nothing left", async () => (await traces()).length === 0);
        await tested.close();
      }
      assert.equal(over, KNOWN.length);
      await until("no channel", async () => (await channels()).flat().length === 0);
    });
  }
});
