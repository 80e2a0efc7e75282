import assert from "node:assert/strict";
import { join } from "node:path";
import { Segment } from "../../../src/memory/mod.ts";
import { Child, executableOf } from "../../support/child.ts";
import { stateOf } from "../../support/thread_state.ts";
import { until } from "../../support/until.ts";
import { Thread } from "../../support/thread.ts";
import { randomOf } from "../../support/random.ts";
import { killAgents, type Recoveries, recoveriesOf, resultsOf, withAgents } from "../agents.ts";
import { giveUpAtGrant, type Waits } from "../give_up.ts";
import type { ChannelWorkload } from "./channel_process.ts";
import { StressChannel } from "./stress_channel.ts";
import { Crowd, PERMITS } from "./crowd.ts";
import type { CrowdWorkload } from "./crowd_process.ts";
import { Meeting, MEMBERS, PARTIES, Turns } from "./rendezvous.ts";
import { LOCKS, StressMemory } from "./stress_memory.ts";
import { NAMES, REQUESTED, requestedName, type Workload } from "./workload.ts";
import { AgentGroup, RUNTIMES } from "../../memory/fixtures/lock_agents.ts";

const PROCESS = new URL("./stress_process.ts", import.meta.url);
const CHANNEL_PROCESS = new URL("./channel_process.ts", import.meta.url);
const THREAD = new URL("./stress_thread.ts", import.meta.url);
const CROWD = new URL("./crowd_process.ts", import.meta.url);
const RACER = new URL("./racing_process.ts", import.meta.url);

/** Checks the end of a run: each mutex is free, and no update was lost. */
async function settle(stress: StressMemory): Promise<void> {
  for (let i = 0; i < LOCKS; i++) {
    const cell = stress.cell(i);
    cell.visit(
      await cell.mutex.acquire({ timeout: 10_000 }).catch((error) => {
        throw new Error(`mutex ${i} cannot be acquired`, { cause: error });
      }),
    );
    assert.equal(cell.number, cell.exitCount, `mutex ${i} has lost updates`);
  }
  assert.equal(stress.violations.value, 0, "the detectors saw two holders at once");
}

/** Runs workloads in so many processes, of all runtimes in turn, and workers of this process. */
async function runAll(
  processes: number,
  threads: number,
  workload: (i: number) => Workload,
): Promise<void> {
  const workers = Array.from({ length: threads }, () => new Thread(THREAD));
  try {
    workers.forEach((worker, i) => worker.post(workload(processes + i)));
    for (const worker of workers) assert.equal(await worker.next(), "ready");
    const workloads = Array.from({ length: processes }, (_, i) => workload(i));
    await withAgents(PROCESS, workloads, async (agents) => {
      for (const worker of workers) worker.post("go");
      const ends = [resultsOf(agents), ...workers.map((worker) => worker.next())];
      assert.deepEqual([...new Set((await Promise.all(ends)).flat())], ["done"]);
    });
  } finally {
    for (const worker of workers) worker.end();
  }
}

/** 8 processes of all runtimes add to one counter at once. */
export async function addTogether(folder: string, rounds: number): Promise<void> {
  const path = join(folder, "adds");
  using stress = new StressMemory(path);
  await runAll(8, 0, () => ({ path, what: "add", rounds }));
  assert.equal(stress.adds.value, 8 * rounds);
}

/** 8 processes of all runtimes meet at one barrier so often. */
export async function meetTogether(folder: string, passes: number, seed: number): Promise<void> {
  const path = join(folder, "meeting");
  using meeting = new Meeting(path);
  await runAll(PARTIES, 0, (i) => ({ path, what: "meet", rounds: passes, seed: seed + i }));
  assert.equal(meeting.arrivals.value, PARTIES * passes);
  // Each index once in each pass.
  assert.equal(meeting.indexes.value, passes * PARTIES * (PARTIES - 1) / 2);
  assert.deepEqual([meeting.barrier.waiting, meeting.barrier.broken], [0, false]);
}

/** Processes of all runtimes hand so many turns to each other by a condition. */
export async function takeTurns(folder: string, turns: number, seed: number): Promise<void> {
  const path = join(folder, "turns");
  using shared = new Turns(path);
  await runAll(MEMBERS, 0, (i) => {
    return { path, what: "turns", rounds: turns, member: i, seed: seed + i };
  });
  assert.equal(shared.turn.value, turns);
}

/** 16 holders (9 processes of all runtimes, 7 workers of this one) share one mutex. */
export async function holdTogether(folder: string, rounds: number, seed: number): Promise<void> {
  const path = join(folder, "holds");
  using stress = new StressMemory(path);
  await runAll(9, 7, (i) => ({ path, what: "hold", rounds, seed: seed + i }));
  assert.equal(stress.cell(0).exitCount, 16 * rounds);
  await settle(stress);
}

/**
 * 9 processes of all runtimes roam over 100 mutexes. In each round, one of them is killed at a random
 * moment, and another one started. At the end, all mutexes can be acquired.
 *
 * @param goesOn Called before each round: whether to run it.
 */
export async function killAtRandom(
  folder: string,
  goesOn: (round: number) => boolean,
  seed: number,
): Promise<Recoveries> {
  const path = join(folder, "kills");
  const random = randomOf(seed);
  using stress = new StressMemory(path);
  const kills = await killAgents({
    module: PROCESS,
    count: 9,
    workload: (number): Workload => ({ path, what: "roam", seed: seed + number }),
    random,
    goesOn,
    onKill: ({ child }) => stress.noteKill(child.pid),
    check(round) {
      const message = `the detectors saw two holders at once, round ${round}`;
      assert.equal(stress.violations.value, 0, message);
    },
    onStop: () => stress.stop.set(),
  });
  await settle(stress);
  return recoveriesOf(kills, stress.recoveryTimes);
}

/** Kills agents that share a crowd's lock, one in each round, and starts others in their place. */
async function killCrowd(
  folder: string,
  roles: readonly CrowdWorkload["what"][],
  goesOn: (round: number) => boolean,
  seed: number,
  settle: (crowd: Crowd) => Promise<void>,
): Promise<Pick<Recoveries, "kills" | "recovered">> {
  const path = join(folder, "crowd");
  using crowd = new Crowd(path);
  // An agent takes the role of the one in whose place it is.
  const free = [...roles];
  const roleOf = new Map<number, CrowdWorkload["what"]>();
  const random = randomOf(seed);
  const check = (when: string) =>
    assert.equal(crowd.violations.value, 0, `the detectors saw a violation, ${when}`);
  const kills = await killAgents({
    module: CROWD,
    count: roles.length,
    workload(number): CrowdWorkload {
      crowd.add(number);
      const what = free.shift()!;
      roleOf.set(number, what);
      return { path, what, number, seed: seed + number, pause: roles.length / 4 };
    },
    random,
    goesOn,
    victim(agents) {
      // Else most of those that are killed are readers, which nobody recovers.
      const others = agents.filter(({ number }) => roleOf.get(number) !== "read");
      return random() < 0.5 ? others[Math.floor(random() * others.length)] : undefined;
    },
    onKill: ({ number }) => crowd.noteKill(number),
    onEnd: ({ number }) => free.push(roleOf.get(number)!),
    check: (round) => check(`round ${round}`),
    onStop: () => crowd.stop.set(),
  });
  await settle(crowd);
  check("at the end");
  return { kills, recovered: crowd.recovered.value };
}

/**
 * 9 processes of all runtimes take one to three of four permits. In each round, one of them is killed
 * at a random moment, and another one started. Never are more than four inside, and in the end all
 * permits have come back.
 */
export function killHoldersOfPermits(
  folder: string,
  goesOn: (round: number) => boolean,
  seed: number,
): Promise<Pick<Recoveries, "kills" | "recovered">> {
  const roles = Array.from({ length: 9 }, () => "permits" as const);
  return killCrowd(folder, roles, goesOn, seed, async (crowd) => {
    const semaphore = crowd.semaphore();
    (await semaphore.acquire({ permits: PERMITS, timeout: 10_000 })).release();
    assert.equal(semaphore.available, PERMITS);
  });
}

/**
 * Readers and writers of all runtimes share a read-write lock. In each round, one of them is killed at
 * a random moment, and another one started. A writer is always alone, and no reader sees what a
 * writer has changed by half.
 */
export function killReadersAndWriters(
  folder: string,
  { readers, writers }: { readonly readers: number; readonly writers: number },
  goesOn: (round: number) => boolean,
  seed: number,
): Promise<Pick<Recoveries, "kills" | "recovered">> {
  const roles = Array.from(
    { length: readers + writers },
    (_, i) => i < writers ? "write" : "read" as const,
  );
  return killCrowd(folder, roles, goesOn, seed, async (crowd) => {
    const lock = crowd.rwLock();
    (await lock.acquire({ timeout: 10_000 })).release();
    assert.deepEqual(lock.owners(), []);
    const guard = lock.tryAcquire({ shared: true });
    assert.equal(guard?.recovered, false);
    guard.release();
  });
}

/**
 * 9 processes of all runtimes request the same locks by their names, in all modes and ways. In each
 * round, one of them is killed at a random moment, and another one started. At the end, no lock is
 * held or requested, and all can be requested.
 *
 * @param goesOn Called before each round: whether to run it.
 */
export async function killRequesters(
  folder: string,
  goesOn: (round: number) => boolean,
  seed: number,
): Promise<{ kills: number; recovered: number; exits: number }> {
  const path = join(folder, "requests");
  using stress = new StressMemory(path);
  using segment = Segment.open(REQUESTED, { directory: folder });
  let kills = 0;
  await killAgents({
    module: PROCESS,
    count: 9,
    workload: (number): Workload => ({ path, what: "request", seed: seed + number }),
    random: randomOf(seed),
    goesOn,
    onKill: () => void kills++,
    check(round) {
      const message = `the detectors saw two holders at once, round ${round}`;
      assert.equal(stress.violations.value, 0, message);
    },
    onStop: () => stress.stop.set(),
  });
  assert.deepEqual(await segment.locks.query(), { held: [], pending: [] });
  let exits = 0;
  for (let i = 0; i < NAMES; i++) {
    const cell = stress.cell(i);
    segment.locks.requestSync(requestedName(i), { timeout: 10_000 }, () => {
      cell.enter(cell.isLeftByDead);
      cell.leave();
    });
    assert.equal(cell.number, cell.exitCount, `lock ${i} has lost updates`);
    exits += cell.exitCount;
  }
  assert.equal(stress.violations.value, 0, "the detectors saw two holders at once");
  return { kills, recovered: stress.recoveries.value, exits };
}

/**
 * Tasks are aborted, or run out of time, at the moment of the grant, while processes of all runtimes
 * contend for the lock. It is never held by two, and free in the end.
 */
export async function giveUpAtRandom(
  folder: string,
  rounds: number,
  seed: number,
): Promise<number> {
  const path = join(folder, "aborts");
  const random = randomOf(seed);
  using stress = new StressMemory(path);
  const workloads = RUNTIMES.map((_, i): Workload => ({ path, what: "contend", seed: seed + i }));
  const cell = stress.cell(0);
  const waits: Waits = {
    hold: () => cell.mutex.acquire(),
    first: (options) => cell.mutex.acquire(options),
    second: () => cell.mutex.acquire(),
    visit: (guard) => cell.visit(guard),
  };
  const { gaveUp } = await withAgents(PROCESS, workloads, async (agents) => {
    const result = await giveUpAtGrant(waits, rounds, random);
    stress.stop.set();
    for (const end of await resultsOf(agents)) assert.equal(end, "done");
    return result;
  });
  await settle(stress);
  return gaveUp;
}

/** Stops an owner for some milliseconds: its lock is not acquired until it continues. */
export async function stopOwner(folder: string, milliseconds: number): Promise<void> {
  const group = new AgentGroup(folder);
  try {
    const others = await Promise.all(RUNTIMES.map((name) => group.process(name)));
    for (const [i, owner] of others.entries()) {
      await owner.take(i);
      owner.child.stop("SIGSTOP");
      await until("the stop", () => stateOf(owner.child.pid) === "T");
      const isLate = { name: "TimeoutError" };
      const pending = assert.rejects(group.mutex(i).acquire({ timeout: milliseconds }), isLate);
      for (const other of others) {
        if (other !== owner) {
          other.tell({ act: "take", mutex: i, way: "timed", timeout: milliseconds });
        }
      }
      await pending;
      for (const other of others) {
        if (other !== owner) assert.equal((await other.outcome()).error, "TimeoutError");
      }
      owner.child.stop("SIGCONT");
      await owner.do({ act: "release", mutex: i });
      group.mutex(i).acquireSync().release();
    }
  } finally {
    await group.close();
  }
}

/** 8 processes of all runtimes open, and so create, the same new segment at once, many times. */
export async function raceToOpen(folder: string, races: number): Promise<void> {
  const racers = Array.from({ length: 8 }, (_, i) => {
    const name = RUNTIMES[i % RUNTIMES.length];
    return Child.of(name, executableOf(name)!, RACER, folder);
  });
  try {
    for (const racer of racers) assert.equal(await racer.line(), "ready");
    for (let i = 0; i < races; i++) {
      for (const racer of racers) racer.tell(`race${i}`);
      const seen = await Promise.all(racers.map((racer) => racer.line()));
      assert.equal(new Set(seen).size, 1, `race ${i}: they saw different segments`);
      using segment = Segment.open(`race${i}`, { directory: folder, size: 4096 });
      assert.equal(segment.counter("racers").value, 8);
      assert.equal(Segment.remove(`race${i}`, { directory: folder }), true);
    }
  } finally {
    for (const racer of racers) racer.kill();
  }
}

/** What a run of {@linkcode killAtChannel} has seen. */
export interface ChannelLosses {
  readonly messages: number;
  readonly kills: number;
  /** Messages that were sent and not received, and those that the channel has counted as lost. */
  readonly missing: number;
  readonly lost: number;
}

/**
 * 6 processes of all runtimes send `size` messages to each other, and are killed at random moments.
 * Each message is received at most once, and those of a sender in order; a killed receiver loses at
 * most one.
 */
export async function killAtChannel(
  folder: string,
  size: number,
  seed: number,
): Promise<ChannelLosses> {
  const path = join(folder, "channel");
  const random = randomOf(seed);
  using stress = new StressChannel(path, size);
  const { channel, ids, violations } = stress;
  /** The roles of those that are not there, and of those that are. */
  const free: ChannelWorkload["role"][] = ["send", "receive", "receive", "send", "send", "receive"];
  const roles = new Map<number, ChannelWorkload["role"]>();
  let receiversKilled = 0;
  const kills = await killAgents({
    module: CHANNEL_PROCESS,
    count: free.length,
    workload(number): ChannelWorkload {
      const role = free.shift()!;
      roles.set(number, role);
      return { path, size, role, number, seed: seed + number };
    },
    random,
    goesOn: () => ids.value < size,
    onKill: ({ number }) => void (roles.get(number) === "receive" && receiversKilled++),
    onEnd: ({ number }) => void free.push(roles.get(number)!),
    check: (round) => assert.equal(violations.value, 0, `a message came twice, round ${round}`),
    onStop: () => channel.close(),
  });
  assert.equal(violations.value, 0, "a message came twice or not in order");
  assert.equal(channel.receiveSync(), undefined, "a message was left");
  const { received, missing } = stress.count();
  const { lost } = channel;
  assert.ok(
    missing <= receiversKilled,
    `${missing} missing of ${receiversKilled} killed receivers`,
  );
  assert.ok(lost <= kills, `${lost} lost by ${kills} kills`);
  assert.ok(received >= size - 2 * kills - free.length, `${received} of ${size} received`);
  return { messages: received, kills, missing, lost };
}
