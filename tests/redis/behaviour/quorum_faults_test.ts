import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { LockLostError } from "../../../src/contract/mod.ts";
import { partOf } from "../../../src/redis/client/names.ts";
import { adapterOf, MisconfiguredError, RedisLock } from "../../../src/redis/mod.ts";
import { ACQUIRE, TAKE } from "../../../src/redis/server_lock/lock_scripts.ts";
import { RedisServer, type RedisServer as Server, skip } from "../../support/redis_server.ts";
import { until } from "../../support/until.ts";
import { startServers } from "../suite.ts";

const DEADLINE = { timeout: 60_000 };
/** So long that nothing ends by itself. */
const LONG = { leaseTime: 600_000, restartGuard: false, commandTimeout: 20_000 };

describe("RedisLock of several servers with faults", { skip }, () => {
  const { servers, adapters } = startServers(3);
  let names = 0;

  const name = () => `quorum faults ${++names}`;
  const urls = () => servers.map(({ url }) => url);
  const test = (title: string, body: () => Promise<void>) => it(title, DEADLINE, body);
  const stopped = async (server: Server, body: () => Promise<void>) => {
    server.signal("SIGSTOP");
    try {
      await body();
    } finally {
      server.signal("SIGCONT");
    }
  };

  test("a restarted server has no vote for the longest lease that another one knows", async () => {
    const lock = name();
    const long = { leaseTime: LONG.leaseTime };
    // The servers are too young to grant it, and know its lease from now on.
    await using asking = new RedisLock(urls(), lock, { ...long, commandTimeout: 20_000 });
    assert.equal(await asking.tryAcquire(), undefined);
    await using mine = new RedisLock(urls(), lock, { ...long, ...LONG });
    const guard = await mine.acquire();
    for (const server of servers.slice(1)) {
      await server.kill();
      await server.start();
    }
    const short = { leaseTime: 100, commandTimeout: 20_000 };
    await using other = new RedisLock(urls(), lock, short);
    await until("two servers that are older than the short lease", async () => {
      const ages = await Promise.all(adapters.map((redis) => redis.send("INFO", "server")));
      return ages.every((info) => Number(/uptime_in_seconds:(\d+)/.exec(`${info}`)?.[1]) >= 2);
    });
    assert.equal(await other.tryAcquire(), undefined);
    await assert.rejects(other.acquire({ timeout: 300 }), /the longest lease \(600 s\) has passed/);
    assert.equal(guard.held, true);
    await assert.rejects(guard.release(), LockLostError, "two of three have forgotten it");
  });

  test("refuses one server with two addresses, and acquires nothing", async () => {
    const [one, other] = urls();
    const twice = [one, other, one.replace("127.0.0.1", "localhost")];
    for (const sources of [twice, twice.toReversed(), [one, `${one}/1`]]) {
      for (const restartGuard of [true, false]) {
        const lock = name();
        await using mine = new RedisLock(sources, lock, { ...LONG, restartGuard });
        // While the second address does not answer, it has no vote either.
        await until(
          "all answers",
          () =>
            mine.owner().then(() => mine.tryAcquire()).then(
              (guard) => guard?.release(),
              (error) => error instanceof MisconfiguredError,
            )
              .then(Boolean),
        );
        for (const acquire of [() => mine.tryAcquire(), () => mine.acquire()]) {
          await assert.rejects(acquire(), (error: unknown) => {
            assert.ok(error instanceof MisconfiguredError, String(error));
            assert.match(error.message, /are one server .* Give each server once/);
            return true;
          });
        }
        await mine.close();
        for (const redis of adapters) {
          assert.equal(await redis.send("EXISTS", partOf(lock, "lock")), 0);
        }
      }
    }
  });

  test("is released while one of two to four servers is stopped", async () => {
    await using fourth = await RedisServer.start();
    const all = [...servers, fourth];
    for (const count of [2, 3, 4]) {
      const connections = all.slice(0, count).map(({ url }) => adapterOf(url, LONG));
      const mine = new RedisLock(connections, name(), { ...LONG, commandTimeout: 100_000 });
      const guard = await mine.acquire();
      // No answer comes before the test has failed.
      await stopped(all[count - 1], () => guard.release());
      await mine.close();
      await Promise.all(connections.map((connection) => connection.close()));
    }
  });

  test("leaves nothing at a server that answers after the time limit", async () => {
    for (const ends of ["an abort", "a release"]) {
      const lock = name();
      const connections = servers.map(({ url }) => adapterOf(url, LONG));
      await Promise.all(connections.map((connection) => connection.send("PING")));
      await using mine = new RedisLock(connections, lock, { ...LONG, commandTimeout: 300 });
      await mine.owner(); // It is connected.
      // It does not know the script of the release: that is said too late.
      await adapters[1].send("SCRIPT", "FLUSH");
      for (const script of [TAKE, ACQUIRE]) await adapters[1].send("SCRIPT", "LOAD", script);
      await stopped(servers[1], async () => {
        const controller = new AbortController();
        const acquiring = mine.acquire({ signal: controller.signal });
        if (ends === "an abort") controller.abort();
        await acquiring.then((guard) => guard.release(), () => {});
        await new Promise((resolve) => setTimeout(resolve, 700)); // Both have run out of time.
      });
      await until("nothing left", async () => {
        return await adapters[1].send("EXISTS", partOf(lock, "lock")) === 0;
      });
      await mine.close();
      await Promise.all(connections.map((connection) => connection.close()));
    }
  });
});
