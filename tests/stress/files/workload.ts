import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import type { Guard } from "../../../src/contract/mod.ts";
import { FileCounter, FileLock, JsonFile } from "../../../src/files/mod.ts";
import type { ByteRange } from "../../../src/runtime/file_locks/byte_range.ts";
import { monotonicNanoseconds } from "../../../src/runtime/mod.ts";
import { leastLateness } from "../../support/lateness.ts";
import { openFiles } from "../../support/open_files.ts";
import { randomOf } from "../../support/random.ts";
import { until } from "../../support/until.ts";
import { giveUpAtGrant, type Waits } from "../give_up.ts";
import { StressFolder } from "./stress_folder.ts";

/** The workload of a process. */
export interface Workload {
  readonly folder: string;
  readonly what: "hold" | "follow" | "useAll" | "contend" | "giveUp" | "wait";
  readonly rounds?: number;
  /** How many `FileLock`s it has. Default: 1. */
  readonly locks?: number;
  /** How many lock files these are for. Default: 1. */
  readonly paths?: number;
  readonly range?: ByteRange;
  readonly seed?: number;
}

/** A hold: the times of the call, of its begin and its end; and 1 if it was shared, else 0. */
export type Hold = [asked: number, began: number, ended: number, shared: number];

/** The document that is changed. It is torn unless `filler` follows from `done`. */
export interface Document {
  readonly done: number;
  readonly filler: string;
}

/** The document after so many changes. */
export function documentAfter(done: number): Document {
  return { done, filler: "x".repeat((done * 997) % 20_000) };
}

/** Opens all that a task needs; the returned function does the workload. */
export function prepare(workload: Workload, isStopped: () => boolean): () => Promise<unknown> {
  const folder = new StressFolder(workload.folder);
  const random = randomOf(workload.seed ?? 1);
  const { rounds = 0, paths = 1, range } = workload;
  const locks = Array.from({ length: workload.locks ?? 1 }, (_, i) =>
    new FileLock(
      paths === 1 ? folder.lock : `${folder.lock}-${i % paths}`,
      range === undefined ? {} : { range },
    ));
  switch (workload.what) {
    case "hold":
      return () => hold(folder, locks, rounds, random);
    case "follow":
      return () => follow(locks[0], isStopped, random);
    case "contend":
      return () => contend(folder, locks[0], isStopped, random);
    case "giveUp":
      return () => giveUp(folder, rounds, random);
    case "wait":
      return () => waitWith(locks);
    case "useAll":
      return () => useAll(folder, locks[0], isStopped, random, workload.seed!);
  }
}

/** How many `FileLock`s `giveUp` has, with the one of every workload. */
const LOCKS = 4;
const word = new Int32Array(new SharedArrayBuffer(4));

/** Blocks the thread. */
function nap(milliseconds: number): void {
  Atomics.wait(word, 0, 0, milliseconds);
}

const isTimeout = (error: unknown) => (error as Error).name === "TimeoutError";

/** Acquires the exclusive lock in one of the ways that work beside other locks of the thread. */
async function acquire(lock: FileLock, random: () => number, alone: boolean): Promise<Guard> {
  for (;;) {
    const way = random();
    const timeout = 5 * random();
    try {
      if (way < 0.2) {
        const guard = lock.tryAcquire();
        if (guard !== undefined) return guard;
      } else if (way < 0.5) return await lock.acquire();
      else if (way < 0.6 || !alone) return await lock.acquire({ timeout });
      else if (way < 0.7) return lock.acquireSync({ timeout });
      else return lock.acquireSync();
    } catch (error) {
      if (!isTimeout(error)) throw error;
    }
  }
}

/** Holds the lock for so many rounds with each `FileLock`, and shares it in a tenth of them. */
async function hold(
  folder: StressFolder,
  locks: readonly FileLock[],
  rounds: number,
  random: () => number,
): Promise<Hold[]> {
  const holds: Hold[] = [];
  const alone = locks.length === 1;
  await Promise.all(locks.map(async (lock) => {
    for (let i = 0; i < rounds; i++) {
      const asked = monotonicNanoseconds();
      if (alone && random() < 0.3) {
        lock.lock();
        const began = monotonicNanoseconds();
        folder.enter(false);
        folder.leave();
        holds.push([asked, began, monotonicNanoseconds(), 0]);
        lock.unlock();
      } else {
        const guard = await acquire(lock, random, alone);
        const began = monotonicNanoseconds();
        folder.enter(guard.recovered);
        folder.leave();
        holds.push([asked, began, monotonicNanoseconds(), 0]);
        guard.release();
      }
      if (random() >= 0.1) continue;
      using _shared = await lock.acquire({ shared: true });
      const began = monotonicNanoseconds();
      const { number } = folder;
      if (number !== folder.number) throw new Error("another process counts beside a shared hold");
      holds.push([began, began, monotonicNanoseconds(), 1]);
    }
  }));
  return holds;
}

/** Holds a lock whose file is replaced meanwhile, until it must stop. */
async function follow(
  lock: FileLock,
  isStopped: () => boolean,
  random: () => number,
): Promise<Hold[]> {
  const holds: Hold[] = [];
  while (!isStopped()) {
    const asked = monotonicNanoseconds();
    const guard = random() < 0.5
      ? await lock.acquire({ timeout: 20_000 })
      : lock.acquireSync({ timeout: 20_000 });
    const began = monotonicNanoseconds();
    nap(0.3 * random());
    holds.push([asked, began, monotonicNanoseconds(), 0]);
    guard.release();
    await sleep(random()); // For the messages, and for the other processes.
  }
  return holds;
}

/** Acquires the lock with short timeouts, again and again, until it must stop. */
async function contend(
  folder: StressFolder,
  lock: FileLock,
  isStopped: () => boolean,
  random: () => number,
): Promise<number> {
  let visits = 0;
  while (!isStopped()) {
    try {
      const timeout = random();
      const guard = random() < 0.5
        ? lock.acquireSync({ timeout })
        : await lock.acquire({ timeout });
      if (random() < 0.5) nap(random());
      folder.visit(guard);
      visits++;
    } catch (error) {
      if (!isTimeout(error)) throw error;
    }
    await sleep(random() < 0.5 ? 0 : 1);
  }
  return visits;
}

/** How often the waits of `giveUp` gave up, and how often it was inside. */
export interface GivenUp {
  readonly visits: number;
  readonly gaveUp: number;
  /** The waits that were granted before they could give up. */
  readonly granted: number;
}

/** Gives up waits at a release in this thread, or at a grant by the kernel, from another process. */
async function giveUp(
  folder: StressFolder,
  rounds: number,
  random: () => number,
): Promise<GivenUp> {
  using lock = new FileLock(folder.lock);
  using impatient = new FileLock(folder.lock);
  using patient = new FileLock(folder.lock);
  let visits = 0;
  const waits: Waits = {
    hold: async () => random() < 0.5 ? await lock.acquire() : undefined,
    first: (options) => impatient.acquire(options),
    second: () => patient.acquire(),
    visit(guard) {
      folder.visit(guard);
      visits++;
    },
  };
  const result = await giveUpAtGrant(waits, rounds, random);
  // A cancelled wait ends soon, and then its file is closed.
  await until("the end of all waits", () => openFiles(folder.lock).length === LOCKS);
  return { visits, ...result };
}

/** The costs of waiting. */
export interface WaitCosts {
  granted: number;
  /** How late timers and reads of a file were, in milliseconds. */
  late: number;
  /** The share of a processor that the waits took. */
  share: number;
}

/** Waits with all locks at once, and measures the costs for the rest of the process. */
async function waitWith(locks: readonly FileLock[]): Promise<WaitCosts> {
  let granted = 0;
  let inside = 0;
  const onePath = new Set(locks.map(({ path }) => path)).size === 1;
  const waits = Promise.all(locks.map(async (lock) => {
    using _guard = await lock.acquire();
    if (++inside > 1 && onePath) throw new Error("two holders are inside");
    await Promise.resolve();
    inside--;
    granted++;
  }));
  process.stdout.write("waiting\n");
  const cpu = process.cpuUsage();
  const began = performance.now();
  const late = await leastLateness();
  const { user, system } = process.cpuUsage(cpu);
  const share = (user + system) / 1000 / (performance.now() - began);
  process.stdout.write("measured\n");
  await waits;
  return { granted, late, share };
}

/** Holds, counts and changes a document, in every way, until it must stop or is killed. */
async function useAll(
  folder: StressFolder,
  lock: FileLock,
  isStopped: () => boolean,
  random: () => number,
  number: number,
): Promise<void> {
  const counter = new FileCounter(folder.count);
  const durable = new FileCounter(folder.durable, { durable: true });
  const file = new JsonFile<Document>(folder.document, { initial: documentAfter(0) });
  while (!isStopped()) {
    const what = random();
    if (what < 0.15) {
      if (random() < 0.5) counter.addSync();
      else await counter.add();
      folder.acknowledge("count", number);
    } else if (what < 0.25) {
      if (random() < 0.5) durable.addSync();
      else await durable.add();
      folder.acknowledge("durable", number);
    } else if (what < 0.3) {
      file.updateSync(({ done }) => documentAfter(done + 1));
      folder.acknowledge("document", number);
    } else {
      const since = monotonicNanoseconds();
      const guard = await acquire(lock, random, true);
      if (guard.recovered) folder.noteRecovery(since, guard.previousOwner?.pid);
      folder.enter(guard.recovered);
      if (random() < 0.5) nap(random()); // A kill here leaves the detectors half-written.
      folder.leave();
      guard.release();
    }
    if (random() < 0.2) await sleep(random());
  }
}
