import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
  adapterOf,
  RedisLock,
  RedisSemaphore,
  type ReplicaOptions,
  Script,
} from "../../src/redis/mod.ts";
import { monotonicNanoseconds } from "../../src/runtime/mod.ts";
import { Proxy } from "../support/proxy.ts";
import { RedisServer } from "../support/redis_server.ts";
import { runtimesHere } from "../support/runtimes_here.ts";
import { assertTokensGrow, Holder, mostAtOnce } from "./holders.ts";

/** Resolves when `look` does with true. */
async function until(look: () => boolean | Promise<boolean>): Promise<void> {
  while (!await look()) await sleep(2);
}

/**
 * Processes of all runtimes hold permits of a semaphore, of which some are killed as they hold one.
 * There are never more holds than permits, and the permits of the killed come back.
 */
export async function killHoldersOfPermits(
  processes: number,
  permits: number,
  kills: number,
): Promise<{ holds: number; kills: number; most: number }> {
  await using server = await RedisServer.start();
  const runtimes = runtimesHere();
  const start = (i: number) =>
    Holder.start(runtimes[i % runtimes.length], {
      kind: "semaphore",
      urls: [server.url],
      name: "pool",
      options: { leaseTime: 1500 },
      permits,
    });
  const holders = await Promise.all(Array.from({ length: processes }, (_, i) => start(i)));
  const all = [...holders];
  try {
    for (const holder of holders) holder.begin();
    for (let killed = 0; killed < kills; killed++) {
      const i = killed % processes;
      const victim = holders[i];
      await until(() => victim.holds.length > 0 && victim.isInside);
      await victim.kill(monotonicNanoseconds);
      // Another in its place, unless these are the last.
      if (kills - killed <= processes) continue;
      all.push(holders[i] = await start(i));
      holders[i].begin();
    }
    const alive = holders.filter((_, i) => i >= Math.min(kills, processes));
    const before = alive.map(({ holds }) => holds.length);
    await until(() => alive.every(({ holds }, i) => holds.length > before[i]));
    await Promise.all(alive.map((holder) => holder.stop()));
    const holds = all.flatMap(({ holds }) => holds);
    const most = mostAtOnce(holds);
    assert.ok(most <= permits, `${most} held one of ${permits} permits`);
    await using semaphore = new RedisSemaphore(server.url, "pool", permits);
    await (await semaphore.acquire({ permits })).release(); // All of them are there again.
    assert.equal(new Set(holds.map(({ token }) => token)).size, holds.length, "a token came twice");
    return { holds: holds.length, kills, most };
  } finally {
    await Promise.all(all.map((holder) => holder[Symbol.asyncDispose]()));
  }
}

/**
 * Processes of all runtimes take a lock of three servers, of which one after the other is stopped
 * for a while, or killed and started without its data. Nobody is ever inside with somebody else,
 * no update is lost, and tokens grow.
 */
export async function troubleServers(
  folder: string,
  processes: number,
  troubles: number,
  random: () => number = Math.random,
): Promise<{ holds: number; troubles: number }> {
  const servers = await Promise.all([1, 2, 3].map(() => RedisServer.start()));
  const file = join(folder, "number");
  writeFileSync(file, "0");
  const holders: Holder[] = [];
  try {
    // Old enough to vote.
    const leaseTime = 1000;
    const adapter = adapterOf(servers[2].url);
    await until(async () => {
      const up = /uptime_in_seconds:(\d+)/.exec(String(await adapter.send("INFO", "server")));
      return Number(up?.[1]) * 1000 > leaseTime + 1000;
    });
    await adapter.close();
    const runtimes = runtimesHere();
    holders.push(
      ...await Promise.all(
        Array.from({ length: processes }, (_, i) =>
          Holder.start(runtimes[i % runtimes.length], {
            kind: "lock",
            urls: servers.map(({ url }) => url),
            name: "trouble",
            options: { leaseTime, commandTimeout: 150 },
            file,
          })),
      ),
    );
    for (const holder of holders) holder.begin();
    const held = () => holders.reduce((sum, { holds }) => sum + holds.length, 0);
    await until(() => held() > 0);
    for (let i = 0; i < troubles; i++) {
      const server = servers[Math.floor(random() * 3)];
      if (i % 3 === 2) {
        await server.kill();
        await server.start();
        // Before it may vote again, another one less would be one too many.
        if (i < troubles - 1) await sleep(leaseTime + 2000);
      } else {
        server.signal("SIGSTOP");
        await sleep(100 + random() * 300);
        server.signal("SIGCONT");
      }
      const before = held();
      await until(() => held() > before);
    }
    await Promise.all(holders.map((holder) => holder.stop()));
    const holds = holders.flatMap(({ holds }) => holds);
    assert.equal(mostAtOnce(holds), 1);
    assert.equal(Number(readFileSync(file, "utf8")), holds.length, "updates were lost");
    assertTokensGrow(holds);
    return { holds: holds.length, troubles };
  } finally {
    await Promise.all(holders.map((holder) => holder[Symbol.asyncDispose]()));
    await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
  }
}

/** Writes unless a greater token has written. */
const GUARDED = new Script(`
if tonumber(redis.call('GET', KEYS[2]) or 0) > tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[2], ARGV[1])
redis.call('SET', KEYS[1], ARGV[2])
return 1
`);

/** What came of some failovers. */
export interface Failovers {
  /** Holders that were told that they have the lock, and whose replica did not know of it. */
  readonly heldTwice: number;
  /** Updates lost by writes that did not look at the token, and by those that did. */
  readonly lost: number;
  readonly lostGuarded: number;
  /** Holds that were refused, since no replica had them. */
  readonly refused: number;
}

/**
 * A holder increments a number that is kept elsewhere; meanwhile the server of its lock is killed
 * and its replica, which was behind, takes its place. The next holder there increments as well, and
 * only then the first one writes.
 *
 * @param replicas Whether a hold has to be at the replica to count.
 */
export async function failOver(rounds: number, replicas?: ReplicaOptions): Promise<Failovers> {
  await using data = await RedisServer.start();
  const store = adapterOf(data.url);
  let [heldTwice, refused, lost, lostGuarded] = [0, 0, 0, 0];
  try {
    const tokens: number[] = [];
    for (let round = 0; round < rounds; round++) {
      await using master = await RedisServer.start({
        config: ["--repl-diskless-sync-delay", "0"],
      });
      await using way = await Proxy.start(master.port);
      await using replica = await RedisServer.start({ replicaOf: way.port });
      const [one, two] = [master, replica].map(({ url }) =>
        adapterOf(url, { commandTimeout: 2000 })
      );
      await until(async () =>
        /master_link_status:up/.test(String(await two.send("INFO", "replication")))
      );
      await using before = new RedisLock(one, "accounts", { leaseTime: 60_000, replicas });
      await using after = new RedisLock(two, "accounts", { leaseTime: 60_000 });
      // A hold that the replica knows of, so that it has a last token.
      const known = await before.acquire();
      tokens.push(known.token!);
      await known.release();
      await one.send("WAIT", "1", "5000");

      way.onReply = () => "hold"; // What the master writes from now on does not arrive.
      const [plain, guarded] = await Promise.all(["plain", "guarded"].map(async (key) => {
        return Number(await store.send("GET", key)) + 1;
      }));
      const first = await before.acquire().catch((error) => {
        assert.equal(error.code, "NOREPLICAS");
        refused++;
      });
      await master.kill();
      await two.send("REPLICAOF", "NO", "ONE");
      const second = await after.acquire();
      if (first !== undefined) heldTwice++;
      const increment = async (token: number, plain: number, guarded: number) => {
        await store.send("SET", "plain", `${plain}`);
        return await GUARDED.run(store, ["guarded", "token"], [`${token}`, `${guarded}`]);
      };
      const done = [0, 0];
      done[1] = Number(await increment(second.token!, plain, guarded));
      if (first !== undefined) {
        assert.equal(first.held, true, "it does not know yet");
        done[0] = Number(await increment(first.token!, plain, guarded));
        tokens.push(first.token!);
        lost++;
        if (done[0] + done[1] > 1) lostGuarded++;
      }
      tokens.push(second.token!);
      await second.release();
      await one.close();
      await two.close();
    }
    assert.deepEqual(tokens, [...new Set(tokens)].sort((a, b) => a - b), "a token came twice");
    return { heldTwice, lost, lostGuarded, refused };
  } finally {
    await store.close();
  }
}
