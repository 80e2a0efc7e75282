import assert from "node:assert/strict";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Guard } from "../../../src/contract/mod.ts";
import { Segment } from "../../../src/memory/mod.ts";
import type { RuntimeName } from "../../../src/runtime/mod.ts";
import { Child, executableOf } from "../../support/child.ts";
import { eventually, stateOf } from "../../support/eventually.ts";
import { Thread } from "../../support/thread.ts";
import { randomOf } from "../../support/random.ts";
import { LOCKS, StressMemory } from "./stress_memory.ts";
import type { Workload } from "./workload.ts";
import { AgentGroup, RUNTIMES } from "../../memory/fixtures/lock_agents.ts";

const PROCESS = new URL("./stress_process.ts", import.meta.url);
const THREAD = new URL("./stress_thread.ts", import.meta.url);
const RACER = new URL("./racing_process.ts", import.meta.url);

function start(name: RuntimeName, workload: Workload): Child {
  return Child.of(name, executableOf(name)!, PROCESS, JSON.stringify(workload));
}

/** Checks the end of a run: each mutex is free, and no update was lost. */
async function settle(stress: StressMemory): Promise<void> {
  for (let i = 0; i < LOCKS; i++) {
    const cell = stress.cell(i);
    cell.visit(
      await cell.mutex.acquire({ timeout: 10_000 }).catch((error) => {
        throw new Error(`mutex ${i} cannot be acquired`, { cause: error });
      }),
    );
    assert.equal(cell.number, cell.exits.value, `mutex ${i} has lost updates`);
  }
  assert.equal(stress.violations.value, 0, "the detectors saw two holders at once");
}

/** Runs workloads in so many processes, of all runtimes in turn, and workers of this process. */
async function all(
  processes: number,
  threads: number,
  workload: (i: number) => Workload,
): Promise<void> {
  const children = Array.from(
    { length: processes },
    (_, i) => start(RUNTIMES[i % RUNTIMES.length], workload(i)),
  );
  const workers = Array.from({ length: threads }, () => new Thread(THREAD));
  try {
    workers.forEach((worker, i) => worker.post(workload(processes + i)));
    await Promise.all([
      ...children.map((child) => child.line()),
      ...workers.map((worker) => worker.next()),
    ]);
    for (const child of children) child.tell("go");
    for (const worker of workers) worker.post("go");
    await Promise.all([
      ...children.map(async (child) => assert.equal(await child.line(), "done")),
      ...workers.map(async (worker) => assert.equal(await worker.next(), "done")),
    ]);
  } finally {
    for (const child of children) child.kill();
    for (const worker of workers) worker.end();
  }
}

/** 8 processes of all runtimes add to one counter at once. */
export async function addTogether(folder: string, rounds: number): Promise<void> {
  const path = join(folder, "adds");
  using stress = new StressMemory(path);
  await all(8, 0, () => ({ path, what: "add", rounds }));
  assert.equal(stress.adds.value, 8 * rounds);
}

/** 16 holders (9 processes of all runtimes, 7 workers of this one) share one mutex. */
export async function holdTogether(folder: string, rounds: number, seed: number): Promise<void> {
  const path = join(folder, "holds");
  using stress = new StressMemory(path);
  await all(9, 7, (i) => ({ path, what: "hold", rounds, seed: seed + i }));
  assert.equal(stress.cell(0).exits.value, 16 * rounds);
  await settle(stress);
}

/** Figures of the recoveries, in milliseconds. */
export interface Recoveries {
  readonly kills: number;
  readonly recovered: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
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
  let count = 0;
  const begin = async (name: RuntimeName) => {
    const child = start(name, { path, what: "roam", seed: seed + count++ });
    await child.line();
    child.tell("go");
    return { name, child };
  };
  const roamers = await Promise.all(
    Array.from({ length: 9 }, (_, i) => begin(RUNTIMES[i % RUNTIMES.length])),
  );
  try {
    for (let round = 0; goesOn(round); round++) {
      await sleep(random() * 10); // For a random moment.
      const victim = Math.floor(random() * roamers.length);
      const { name, child } = roamers[victim];
      child.kill();
      stress.noteKill(child.pid);
      const { signal, stderr } = await child.ended;
      assert.equal(signal, "SIGKILL", `it ended by itself: ${stderr}`);
      roamers[victim] = await begin(name);
      assert.equal(
        stress.violations.value,
        0,
        `the detectors saw two holders at once, round ${round}`,
      );
    }
    // The living processes still work.
    stress.stop.set();
    await Promise.all(roamers.map(async ({ child }) => assert.equal(await child.line(), "done")));
    await settle(stress);
  } finally {
    for (const { child } of roamers) child.kill();
    await Promise.all(roamers.map(({ child }) => child.ended));
  }
  const times = stress.recoveryTimes.sort((a, b) => a - b);
  const at = (share: number) => times[Math.min(times.length - 1, Math.floor(share * times.length))];
  return { kills: count - 9, recovered: times.length, p50: at(0.5), p99: at(0.99), max: at(1) };
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
  const children = RUNTIMES.map((name, i) =>
    start(name, { path, what: "contend", seed: seed + i })
  );
  const cell = stress.cell(0);
  let gaveUp = 0;
  try {
    await Promise.all(children.map((child) => child.line()));
    for (const child of children) child.tell("go");
    for (let i = 0; i < rounds; i++) {
      const controller = new AbortController();
      const options = i % 2 === 0 ? { signal: controller.signal } : { timeout: random() * 2 };
      const visit = (guard: Guard) => cell.visit(guard);
      const guard = await cell.mutex.acquire();
      const first = cell.mutex.acquire(options).then(visit, (error) => {
        assert.match((error as Error).name, /AbortError|TimeoutError/);
        gaveUp++;
      });
      // The next in the queue, which must get the lock whether the first one does or not.
      const second = cell.mutex.acquire().then(visit);
      // Both acts in a random order: at once, a microtask later, or some time later.
      const acts = [() => cell.visit(guard), () => controller.abort()];
      if (random() < 0.5) acts.reverse();
      acts[0]();
      const pause = random();
      if (pause < 0.3) await Promise.resolve();
      else if (pause < 0.6) await sleep(2 * random());
      acts[1]();
      await Promise.all([first, second]);
    }
    stress.stop.set();
    await Promise.all(children.map(async (child) => assert.equal(await child.line(), "done")));
  } finally {
    for (const child of children) child.kill();
  }
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
      await eventually(() => stateOf(owner.child.pid) === "T");
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
