import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { adapterOf } from "../../../src/redis/mod.ts";
import { monotonicNanoseconds, type RuntimeName } from "../../../src/runtime/mod.ts";
import type { Child } from "../../support/child.ts";
import { randomOf } from "../../support/random.ts";
import { RedisServer } from "../../support/redis_server.ts";
import { runtimesHere } from "../../support/runtimes_here.ts";
import { until } from "../../support/until.ts";
import { startAgent } from "../agents.ts";
import { cluster, type Deployment, oneServer, threeServers, withSentinels } from "./deployments.ts";
import { overlapsOf, type PromisedHold, promisesIn, tokensBack } from "./promise_log.ts";
import { type Write, writesIn } from "./store.ts";
import { PATIENT, type Workload } from "./workload.ts";

const PROCESS = new URL("./stress_process.ts", import.meta.url);
const LEASE_MS = 1000;

/** The ways to run the servers of a lock. */
export const DEPLOYMENTS: Readonly<Record<string, () => Promise<Deployment>>> = {
  "one server": oneServer,
  "three servers": threeServers,
  sentinels: withSentinels,
  cluster: () => cluster("interlock:{held}:lock"),
};

/** What the detector has seen. */
export interface Seen {
  readonly holds: number;
  readonly writes: number;
  /** Writes with a token smaller than one before: of holders that were late. */
  readonly rejected: number;
  /** Pairs of holds that were promised at the same time, and the longest of these times in ms. */
  readonly overlaps: number;
  readonly longestOverlap: number;
  /** How often each trouble happened, to servers and to clients. */
  readonly troubles: Readonly<Record<string, number>>;
  /** How often each error was reported by a client. */
  readonly errors: Readonly<Record<string, number>>;
}

/** The agents of a run, and what happens to them. */
class Agents implements AsyncDisposable {
  readonly killed = new Map<number, number>();
  readonly errors: Record<string, number> = {};
  readonly #workload: (number: number) => Workload;
  readonly #agents: {
    readonly name: RuntimeName;
    readonly child: Child;
    readonly number: number;
  }[] = [];
  #started = 0;

  constructor(workload: (number: number) => Workload) {
    this.#workload = workload;
  }

  async start(name: RuntimeName): Promise<void> {
    const number = this.#started++;
    const child = startAgent(name, PROCESS, this.#workload(number));
    this.#agents.push({ name, child, number });
    assert.equal(await child.line(), "ready");
    child.tell("go");
  }

  /** Kills an agent, and starts another one. */
  async kill(random: () => number): Promise<void> {
    const [{ name, child, number }] = this.#agents.splice(this.#at(random), 1);
    this.killed.set(number, Infinity);
    child.kill();
    const { signal, stderr } = await child.ended;
    assert.equal(signal, "SIGKILL", `it was not killed, but ended: ${stderr}`);
    this.killed.set(number, monotonicNanoseconds());
    await this.start(name);
  }

  /** Stops an agent for some time, often for longer than its lease. */
  async stop(random: () => number): Promise<void> {
    const { child } = this.#agents[this.#at(random)];
    child.stop("SIGSTOP");
    await sleep(random() * 2 * LEASE_MS);
    child.stop("SIGCONT");
  }

  /** Ends all of them; fails if one of them has failed. */
  async finish(): Promise<void> {
    for (const { child } of this.#agents) child.tell("stop");
    for (const { child } of this.#agents) {
      for (const [name, count] of Object.entries(JSON.parse(await child.line()))) {
        this.errors[name] = (this.errors[name] ?? 0) + Number(count);
      }
    }
  }

  #at(random: () => number): number {
    return Math.floor(random() * this.#agents.length);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#agents.map(({ child }) => child[Symbol.asyncDispose]()));
  }
}

/**
 * Processes of all runtimes hold a lock and write with its tokens to a store, while all kinds of
 * troubles come, one after the other. The detector does not use the lock: it compares the times for
 * which the guards said that they were held, and the record of the store. Two holds overlap only
 * after a failover, and no token falls back.
 *
 * @param goesOn Called before each trouble with its number; false ends the run.
 */
export async function guardThroughTroubles(
  folder: string,
  kind: string,
  goesOn: (trouble: number) => boolean,
  seed: number,
): Promise<Seen> {
  const random = randomOf(seed);
  await using deployment = await DEPLOYMENTS[kind]();
  await using server = await RedisServer.start();
  const store = adapterOf(server.url, PATIENT);
  const several = kind === "three servers";
  // A slow machine must not use up the lease by the time limits of the servers that are away.
  const leaseTime = several ? 3 * LEASE_MS : LEASE_MS;
  await using agents = new Agents((number) => ({
    what: "guard",
    target: deployment.target,
    store: server.url,
    folder,
    number,
    options: {
      leaseTime: several && number % 2 === 0 ? leaseTime / 2 : leaseTime,
      fair: !several && number % 3 === 0,
      restartGuard: leaseTime,
      commandTimeout: several ? LEASE_MS / 2 : LEASE_MS,
    },
  }));
  const counts: Record<string, number> = {};
  const troubles = Object.entries({
    ...deployment.troubles,
    "client killed": (random: () => number) => agents.kill(random),
    "client stopped": (random: () => number) => agents.stop(random),
  });
  const progress = async () => {
    const before = Number(await store.send("LLEN", "writes"));
    await until("a write", async () => Number(await store.send("LLEN", "writes")) > before);
  };
  try {
    await Promise.all(runtimesHere().map((name) => agents.start(name)));
    await progress();
    // All kinds come before one comes again.
    let order: typeof troubles = [];
    for (let i = 0; goesOn(i); i++) {
      if (order.length === 0) order = shuffled(troubles, random);
      const [name, happen] = order.pop()!;
      await happen(random);
      counts[name] = (counts[name] ?? 0) + 1;
      await progress();
      await sleep(random() * 200);
    }
    await agents.finish();
    const holds = promisesIn(folder, agents.killed);
    const writes = writesIn(await store.send("LRANGE", "writes", "0", "-1") as string[]);
    return {
      ...judge(holds, writes, deployment.failsOver),
      troubles: counts,
      errors: agents.errors,
    };
  } finally {
    await store.close();
  }
}

function judge(
  holds: readonly PromisedHold[],
  writes: readonly Write[],
  failsOver: boolean,
): Omit<Seen, "troubles" | "errors"> {
  const { pairs, longest } = overlapsOf(holds);
  const rejected = writes.filter(({ accepted }) => !accepted);
  assert.deepEqual(tokensBack(holds), [], "a token fell back");
  const owners = new Map<number, number>();
  let last = 0;
  for (const { accepted, token, agent } of writes) {
    assert.equal(owners.get(token) ?? agent, agent, `two agents had the token ${token}`);
    owners.set(token, agent);
    if (!accepted) continue;
    assert.ok(token >= last, `the store accepted ${token} after ${last}`);
    last = token;
  }
  if (!failsOver) assert.equal(pairs, 0, `${pairs} holds overlapped, by up to ${longest} ms`);
  return {
    holds: holds.length,
    writes: writes.length,
    rejected: rejected.length,
    overlaps: pairs,
    longestOverlap: longest,
  };
}

function shuffled<T>(all: readonly T[], random: () => number): T[] {
  const keys = new Map(all.map((one) => [one, random()]));
  return all.toSorted((a, b) => keys.get(a)! - keys.get(b)!);
}
