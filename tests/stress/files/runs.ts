import assert from "node:assert/strict";
import { readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { FileCounter, FileLock, JsonFile } from "../../../src/files/mod.ts";
import { monotonicNanoseconds } from "../../../src/runtime/mod.ts";
import { kernelWaiters } from "../../support/kernel_waiters.ts";
import { LATE, leastLateness } from "../../support/lateness.ts";
import { randomOf } from "../../support/random.ts";
import { runtimesHere } from "../../support/runtimes_here.ts";
import { until } from "../../support/until.ts";
import {
  killAgents,
  type Recoveries,
  recoveriesOf,
  resultsOf,
  type RunningAgent,
  startAgent,
  withAgents,
} from "../agents.ts";
import { ACKNOWLEDGED, type Kill, StressFolder } from "./stress_folder.ts";
import {
  type Document,
  documentAfter,
  type GivenUp,
  type Hold,
  type WaitCosts,
  type Workload,
} from "./workload.ts";

const PROCESS = new URL("./stress_process.ts", import.meta.url);
/** How many processes there are at a time, of which one is killed in each round. */
const PROCESSES = 6;

/** Times between which a file was replaced by a process that did not hold its lock. */
type Replacement = readonly [before: number, after: number];

/**
 * Fails if an exclusive hold overlaps another hold. That is allowed only if the file was replaced after
 * one of them was asked for and before both had begun: they may be of two files then.
 */
export function checkOverlaps(holds: Hold[], replacements: readonly Replacement[] = []): void {
  holds.sort(([, a], [, b]) => a - b);
  let inside: Hold[] = [];
  for (const hold of holds) {
    const [, began, , shared] = hold;
    inside = inside.filter(([, , ended]) => ended > began);
    for (const other of inside) {
      if (shared === 1 && other[3] === 1) continue;
      const since = Math.min(hold[0], other[0]);
      const mayBe = replacements.some(([before, after]) => after >= since && before <= began);
      assert.ok(mayBe, `the hold ${hold} overlaps the hold ${other}`);
    }
    inside.push(hold);
  }
}

/** The sizes of {@linkcode holdTogether}. */
export interface HoldSizes {
  readonly processes: number;
  readonly rounds: number;
  /** How many `FileLock`s each process has. Default: 1. */
  readonly locks?: number;
  /** Whether they lock ranges, all different, that have one byte in common. */
  readonly ranges?: boolean;
}

/** Processes of all runtimes hold one lock, watched by two detectors that do not use it. */
export async function holdTogether(
  folder: string,
  { processes, rounds, locks = 1, ranges = false }: HoldSizes,
  seed: number,
): Promise<{ holds: number; shared: number }> {
  const workloads = Array.from({ length: processes }, (_, i): Workload => ({
    folder,
    what: "hold",
    rounds,
    locks,
    seed: seed + i,
    ...ranges && { range: { start: 100 - i, length: 1 + 2 * i } },
  }));
  const holds = (await withAgents(PROCESS, workloads, (children) => resultsOf<Hold[]>(children)))
    .flat();
  checkOverlaps(holds);
  const alone = holds.filter(([, , , shared]) => shared === 0).length;
  assert.equal(alone, processes * rounds * locks);
  using stress = new StressFolder(folder);
  assert.equal(stress.number, alone, "updates were lost");
  return { holds: alone, shared: holds.length - alone };
}

/**
 * Processes of all runtimes hold a lock, add to two counters and change a document. In each round one
 * of them is killed at a random time, and another one started. Each time, the counters must have all
 * acknowledged adds, and the document must be whole.
 *
 * @param goesOn Called before each round with its number; false ends the stress.
 */
export async function killAtRandom(
  folder: string,
  goesOn: (round: number) => boolean,
  seed: number,
): Promise<Recoveries> {
  const random = randomOf(seed);
  using stress = new StressFolder(folder);
  using lock = new FileLock(stress.lock);
  using state = new State(stress);
  const noted: Kill[] = [];
  const seedOf = ({ number }: RunningAgent) => seed + number;
  const kills = await killAgents({
    module: PROCESS,
    count: PROCESSES,
    workload: (number): Workload => ({ folder, what: "useAll", seed: seed + number }),
    random,
    goesOn,
    // Every other time the process that holds the lock now, if it still does.
    victim(agents) {
      const pid = random() < 0.5 ? lock.owner()?.pid : undefined;
      return agents.find(({ child }) => child.pid === pid);
    },
    onKill: ({ child }) => noted.push({ pid: child.pid, at: monotonicNanoseconds() }),
    onEnd: (agent) => state.ended(seedOf(agent)),
    check: (round, living) => state.check(living.map(seedOf), round),
  });
  state.check([], kills, kills);
  stress.visit(lock.acquireSync({ timeout: 20_000 }));
  return recoveriesOf(kills, stress.recoveryTimes(noted));
}

/** Compares the files with the acknowledged changes. */
class State implements Disposable {
  readonly #stress: StressFolder;
  readonly #counters: readonly FileCounter[];
  readonly #looks: readonly FileLock[];
  readonly #file: JsonFile<Document>;
  /** The acknowledged changes of the processes that have ended, by kind. */
  readonly #acknowledged = new Float64Array(ACKNOWLEDGED.length);

  constructor(stress: StressFolder) {
    this.#stress = stress;
    this.#counters = [
      new FileCounter(stress.count),
      new FileCounter(stress.durable, { durable: true }),
    ];
    this.#looks = this.#counters.map(({ path }) => new FileLock(path, { shared: true }));
    this.#file = new JsonFile(stress.document, { initial: documentAfter(0) });
  }

  ended(number: number): void {
    this.#stress.acknowledgedBy(number).forEach((more, i) => this.#acknowledged[i] += more);
  }

  /** @param most How many changes at most may have been made without an acknowledgement. */
  check(living: readonly number[], round: number, most = Infinity): void {
    const acknowledged = this.#acknowledged.slice();
    for (const number of living) {
      this.#stress.acknowledgedBy(number).forEach((more, i) => acknowledged[i] += more);
    }
    const found = this.#counters.map((counter, i) => {
      using _guard = this.#looks[i].acquireSync({ timeout: 20_000 });
      const text = readFileSync(counter.path, "utf8");
      assert.match(text, /^\d+ *\n$/, `round ${round}: ${counter.path} is torn`);
      assert.equal(counter.getSync(), Number(text));
      return Number(text);
    });
    const document = this.#file.readSync();
    assert.deepEqual(document, documentAfter(document.done), `round ${round}: it is torn`);
    [...found, document.done].forEach((number, i) => {
      const what = `round ${round}: ${acknowledged[i]} were acknowledged (${
        ACKNOWLEDGED[i]
      }), not ${number}`;
      assert.ok(number >= acknowledged[i] && number <= acknowledged[i] + most, what);
    });
  }

  [Symbol.dispose](): void {
    for (const resource of [...this.#counters, ...this.#looks, this.#file]) resource.close();
  }
}

/** Removes, renames or replaces the lock file. */
function replace(path: string, random: () => number): void {
  const way = random();
  if (way < 0.4) rmSync(path, { force: true });
  else if (way < 0.6) renameSync(path, `${path}.old`);
  else {
    writeFileSync(`${path}.new`, "");
    renameSync(`${path}.new`, path);
  }
}

/**
 * The lock file is removed, renamed or replaced again and again while processes of all runtimes hold it
 * and wait for it. If its holder does that, two processes must never be inside together. If another
 * process does, only holders of two different files may be.
 */
export async function replaceAtRandom(
  folder: string,
  rounds: number,
  byHolder: boolean,
  seed: number,
): Promise<{ replaced: number; holds: number }> {
  const random = randomOf(seed);
  using stress = new StressFolder(folder);
  const path = stress.lock;
  using lock = new FileLock(path);
  const replacements: Replacement[] = [];
  const workloads = Array.from({ length: PROCESSES }, (_, i): Workload => ({
    folder,
    what: "follow",
    seed: seed + i,
  }));
  const holds = await withAgents(PROCESS, workloads, async (children) => {
    const own: Hold[] = [];
    for (let i = 0; i < rounds; i++) {
      const asked = monotonicNanoseconds();
      const guard = random() < 0.5
        ? await lock.acquire({ timeout: 20_000 })
        : lock.acquireSync({ timeout: 20_000 });
      const began = monotonicNanoseconds();
      {
        using other = new FileLock(path);
        assert.equal(
          other.tryAcquire(),
          undefined,
          `round ${i}: the file at the path is not locked`,
        );
      }
      if (byHolder) {
        own.push([asked, began, monotonicNanoseconds(), 0]);
        replace(path, random);
        guard.release();
      } else {
        own.push([asked, began, monotonicNanoseconds(), 0]);
        guard.release();
        await sleep(random());
        const before = monotonicNanoseconds();
        try {
          replace(path, random);
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
        }
        replacements.push([before, monotonicNanoseconds()]);
      }
      if (random() < 0.3) await sleep(random());
    }
    for (const child of children) child.tell("stop");
    return [own, ...await resultsOf<Hold[]>(children)].flat();
  });
  checkOverlaps(holds, replacements);
  assert.ok(holds.length > rounds, "no other process got the lock");
  const guard = lock.acquireSync({ timeout: 20_000 });
  assert.ok(statSync(path).isFile());
  guard.release();
  return { replaced: rounds, holds: holds.length };
}

/**
 * Waits that are aborted, or run out of time, at the moment of the grant, in each runtime: with a lock
 * of its own, or all with one lock for which other processes contend, too.
 */
export async function giveUpAtRandom(
  folder: (name: string) => string,
  rounds: number,
  across: boolean,
  seed: number,
): Promise<{ gaveUp: number; granted: number }> {
  const runtimes = runtimesHere();
  const workloads = runtimes.map((name, i): Workload => ({
    folder: folder(across ? "all" : name),
    what: "giveUp",
    rounds,
    seed: seed + i,
  }));
  const contenders = across
    ? [0, 1].map((i): Workload => ({ ...workloads[i], what: "contend" }))
    : [];
  const sum = { gaveUp: 0, granted: 0 };
  const visits = await withAgents(PROCESS, [...workloads, ...contenders], async (children) => {
    const visits: number[] = [];
    for (const given of await resultsOf<GivenUp>(children.slice(0, workloads.length))) {
      visits.push(given.visits);
      sum.gaveUp += given.gaveUp;
      sum.granted += given.granted;
    }
    const rest = children.slice(workloads.length);
    for (const child of rest) child.tell("stop");
    return [...visits, ...await resultsOf<number>(rest)];
  });
  const all = visits.reduce((sum, number) => sum + number, 0);
  let found = 0;
  for (const path of new Set(workloads.map(({ folder }) => folder))) {
    using stress = new StressFolder(path);
    found += stress.number;
    using lock = new FileLock(stress.lock);
    const guard = lock.tryAcquire();
    assert.ok(guard, "another process still holds it");
    stress.visit(guard);
  }
  assert.equal(found, all, "updates were lost");
  assert.equal(sum.gaveUp + sum.granted, runtimes.length * rounds);
  return sum;
}

/**
 * `count` waits at once in each runtime, on so many paths. The rest of each process must not be later
 * than this process, which waits for nothing meanwhile.
 */
export async function waitTogether(
  folder: (name: string) => string,
  count: number,
  paths: number,
): Promise<Record<string, WaitCosts & { control: number }>> {
  const found: Record<string, WaitCosts & { control: number }> = {};
  for (const name of runtimesHere()) {
    const path = folder(name);
    using stress = new StressFolder(path);
    const files = Array.from(
      { length: paths },
      (_, i) => paths === 1 ? stress.lock : `${stress.lock}-${i}`,
    );
    const locks = files.map((path) => new FileLock(path));
    try {
      for (const lock of locks) lock.lock();
      await using child = startAgent(name, PROCESS, {
        folder: path,
        what: "wait",
        locks: count,
        paths,
      });
      assert.equal(await child.line(), "ready");
      child.tell("go");
      assert.equal(await child.line(), "waiting");
      const control = await leastLateness();
      assert.equal(await child.line(), "measured");
      await until("waits in the kernel", () => kernelWaiters(...files) === Math.min(paths, 4));
      for (const lock of locks) lock.close();
      found[name] = { ...JSON.parse(await child.line()) as WaitCosts, control };
      assert.equal(found[name].granted, count);
    } finally {
      for (const lock of locks) lock.close();
    }
  }
  const isCalm = Object.values(found).some(({ late, control }) =>
    late < Math.max(LATE, 2 * control)
  );
  assert.ok(isCalm, `timers and reads were late in every runtime: ${JSON.stringify(found)}`);
  return found;
}
