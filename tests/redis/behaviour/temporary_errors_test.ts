import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  adapterOf,
  type RedisAdapter,
  RedisCounter,
  RedisLock,
  RedisSemaphore,
  RefusedError,
} from "../../../src/redis/mod.ts";
import { RedisServer, skip } from "../../support/redis_server.ts";
import { startServers } from "../suite.ts";
import { until } from "../../support/until.ts";

const DEADLINE = { timeout: 60_000 };
/** The temporary errors of a server. */
const PASSING = [
  "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
  "LOADING Redis is loading the dataset in memory",
  "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
  "CLUSTERDOWN The cluster is down",
  "TRYAGAIN Multiple keys request during rehashing of slot",
];
const LASTING = ["OOM command not allowed when used memory > 'maxmemory'.", "READONLY You can't"];

describe("a server with a temporary error", { skip }, () => {
  const suite = startServers(3);
  const { adapters: all } = suite;

  /** A connection whose server refuses the scripts for which `refuses` is true. */
  const refusing = (
    message: string,
    refuses: () => boolean,
    inner: RedisAdapter = suite.redis,
  ): RedisAdapter => ({
    send(command, ...args) {
      if (command.startsWith("EVAL") && refuses()) return Promise.reject(new Error(message));
      return inner.send(command, ...args);
    },
    subscribe: (channel, listener) => inner.subscribe(channel, listener),
    close: () => Promise.resolve(),
  });
  /** Refuses `times` times. */
  const times = (left: number) => () => left-- > 0;

  for (const message of PASSING) {
    const [code] = message.split(" ");

    it(`is asked again after ${code}`, DEADLINE, async () => {
      await using counter = new RedisCounter(refusing(message, times(3)), "n");
      const operation = { operation: code };
      assert.equal(await counter.add(1, operation), await counter.add(1, operation));
      const options = { leaseTime: 60_000 };
      await using lock = new RedisLock(refusing(message, times(3)), code, options);
      await (await lock.acquire({ timeout: 20_000 })).release();
      await using several = new RedisLock(
        all.map((adapter) => refusing(message, times(3), adapter)),
        `several ${code}`,
        { ...options, restartGuard: false },
      );
      await (await several.acquire({ timeout: 20_000 })).release();
      await using slots = new RedisSemaphore(refusing(message, times(3)), code, 1, options);
      await (await slots.acquire({ timeout: 20_000 })).release();
    });

    it(`gets a release and a withdrawal in spite of ${code}`, DEADLINE, async () => {
      let left = 0;
      await using lock = new RedisLock(refusing(message, () => left-- > 0), `given ${code}`);
      const guard = await lock.acquire();
      left = 3;
      await guard.release();
      assert.equal(await suite.redis.send("EXISTS", `interlock:{given ${code}}:lock`), 0);

      const key = `interlock:{aborted ${code}}:lock`;
      const controller = new AbortController();
      let isAsked = false;
      const inner = refusing(message, () => isAsked && left-- > 0);
      await using aborted = new RedisLock(
        {
          ...inner,
          async send(command: string, ...args: string[]) {
            const reply = await inner.send(command, ...args);
            if (isAsked || !command.startsWith("EVAL")) return reply;
            isAsked = true;
            left = 3;
            controller.abort();
            return reply;
          },
        },
        `aborted ${code}`,
      );
      await assert.rejects(aborted.acquire({ signal: controller.signal }), { name: "AbortError" });
      await until("the withdrawal", async () => await suite.redis.send("EXISTS", key) === 0);
    });
  }

  for (const message of LASTING) {
    const [code] = message.split(" ");
    it(`is not asked again after ${code}`, DEADLINE, async () => {
      const isRefused = (error: unknown) => {
        assert.ok(error instanceof RefusedError && error.code === code, String(error));
        return true;
      };
      await using counter = new RedisCounter(refusing(message, () => true), "n");
      await assert.rejects(counter.add(1, { operation: "a" }), isRefused);
      await using lock = new RedisLock(refusing(message, () => true), code);
      await assert.rejects(lock.acquire(), isRefused);
      await using slots = new RedisSemaphore(refusing(message, () => true), code, 1);
      await assert.rejects(slots.acquire(), isRefused);
    });
  }

  it("is waited for by acquire while it runs a script that does not end", DEADLINE, async () => {
    await using busy = await RedisServer.start({ config: ["--busy-reply-threshold", "1"] });
    await using lock = new RedisLock(busy.url, "busy");
    await using slots = new RedisSemaphore(busy.url, "busy", 1);
    await using admin = disposable(adapterOf(busy.url));
    await using other = disposable(adapterOf(busy.url));
    await (await lock.acquire()).release();
    await other.send("PING");
    const ended = assert.rejects(other.send("EVAL", "while true do end", "0"), /kill/i);
    await until("BUSY", () => admin.send("PING").then(() => false, (error) => /BUSY/.test(error)));
    const acquiring = [lock.acquire({ timeout: 20_000 }), slots.acquire({ timeout: 20_000 })];
    const settled = Promise.allSettled(acquiring);
    await Promise.race([settled, new Promise((resolve) => setTimeout(resolve, 200))]);
    await admin.send("SCRIPT", "KILL");
    await ended;
    for (const result of await settled) {
      if (result.status === "rejected") throw result.reason;
      await result.value.release();
    }
  });
});

function disposable(adapter: RedisAdapter): RedisAdapter & AsyncDisposable {
  const { send, subscribe, close } = adapter;
  return {
    send: send.bind(adapter),
    subscribe: subscribe.bind(adapter),
    close: close.bind(adapter),
    [Symbol.asyncDispose]: () => adapter.close(),
  };
}
