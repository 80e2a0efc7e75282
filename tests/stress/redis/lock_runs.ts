import assert from "node:assert/strict";
import { adapterOf, type RedisLockOptions } from "../../../src/redis/mod.ts";
import { ask, redisProcess } from "../../redis/redis_process.ts";
import type { Child } from "../../support/child.ts";
import { RedisServer } from "../../support/redis_server.ts";
import { runtimesHere } from "../../support/runtimes_here.ts";
import { resultsOf, withAgents } from "../agents.ts";
import { PATIENT, type Workload } from "./workload.ts";

const PROCESS = new URL("./stress_process.ts", import.meta.url);

/** Runs `count` clients in processes of all runtimes, each `rounds` times inside one lock. */
export async function holdTogether(
  count: number,
  rounds: number,
  options: RedisLockOptions = {},
): Promise<void> {
  await using server = await RedisServer.start();
  const runtimes = runtimesHere();
  const workloads = runtimes.map((_, i): Workload => ({
    what: "contend",
    urls: [server.url],
    rounds,
    clients: Math.floor((count + i) / runtimes.length),
    options,
  }));
  const intrusions = await withAgents(PROCESS, workloads, (agents) => resultsOf<number>(agents));
  assert.deepEqual(intrusions, workloads.map(() => 0), "two were inside");
  const redis = adapterOf(server.url, PATIENT);
  const number = Number(await redis.send("GET", "number"));
  await redis.close();
  assert.equal(number, count * rounds, "updates were lost");
}

/**
 * Stops a holder between its read and its write for longer than its lease, `rounds` times. No write
 * that is guarded by the token is lost.
 *
 * @returns How many writes were acknowledged without the token, and how many of them were lost.
 */
export async function stopHolder(rounds: number): Promise<{ written: number; lost: number }> {
  await using server = await RedisServer.start();
  await using stopped = redisProcess(server.url, "stopped", `{"leaseTime":1500}`);
  await using running = redisProcess(server.url, "stopped", `{"leaseTime":60000}`);
  for (const child of [stopped, running]) assert.equal(await child.line(), "ready");
  const acknowledged = [0, 0];
  const write = async (child: Child) => {
    const done = (await ask(child, "write")).split(" ").map(Number);
    done.forEach((n, i) => acknowledged[i] += n);
  };
  for (let round = 0; round < rounds; round++) {
    await ask(stopped, "acquire");
    await ask(stopped, "read");
    stopped.stop("SIGSTOP");
    assert.match(await ask(running, "acquire"), / true /); // Until the lease has run out.
    await ask(running, "read");
    await write(running);
    assert.equal(await ask(running, "release"), "released");
    stopped.stop("SIGCONT");
    await write(stopped);
    assert.equal(await ask(stopped, "aborted"), "true");
    assert.equal(await ask(stopped, "held"), "false");
    assert.equal(await ask(stopped, "release"), "lost");
  }
  const redis = adapterOf(server.url, PATIENT);
  const [plain, guarded] =
    (await Promise.all(["plain", "guarded"].map((k) => redis.send("GET", k))))
      .map(Number);
  await redis.close();
  assert.equal(guarded, acknowledged[1], "a guarded write was lost");
  assert.equal(guarded, rounds);
  return { written: acknowledged[0], lost: acknowledged[0] - plain };
}
