/**
 * What a program does with the package, in parts. Each part is a small real use, and throws if the
 * package does not do what it must.
 */
import {
  FileCounter,
  FileLock,
  JsonFile,
  LockLostError,
  Memory,
  Mutex,
  Segment,
  withLock,
} from "@interlock/interlock";
import * as contract from "@interlock/interlock/contract";
import * as files from "@interlock/interlock/files";
import * as memory from "@interlock/interlock/memory";
import { MisconfiguredError, RedisCounter, RedisLock } from "@interlock/interlock/redis";
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";

const TIMES = 2000;

/** Two workers add to one number inside a mutex: none of the sums is lost. */
export async function testWorkers(worker) {
  const segment = Segment.anonymous();
  await Promise.all([1, 2].map(async () => {
    const thread = new Worker(worker);
    thread.postMessage({ handle: segment.handle, times: TIMES });
    const [answer] = await once(thread, "message");
    assert.equal(answer, "done");
    await thread.terminate();
  }));
  assert.equal(segment.rawValue("sum").value, 2 * TIMES);
  assert.equal(segment.counter("total").value, 2 * TIMES);
}

/** A task waits for a mutex that a worker holds, and for a flag, without blocking its thread. */
export async function testAwaitedWait(worker) {
  const segment = Segment.anonymous();
  const thread = new Worker(worker);
  thread.postMessage({ handle: segment.handle, hold: true });
  const [answer] = await once(thread, "message");
  assert.equal(answer, "held");
  const mutex = segment.mutex("turn");
  assert.equal(mutex.tryAcquire(), undefined);
  const waiting = mutex.acquire({ timeout: 60_000 });
  thread.postMessage("release");
  const guard = await waiting;
  assert.ok(guard.held && !guard.recovered && guard.token > 1);
  guard.release();
  const set = segment.flag("go").wait({ timeout: 60_000 });
  thread.postMessage({ handle: segment.handle, set: true });
  await set;
  await thread.terminate();
}

/** Locks, counters and documents in files; a worker holds a lock for which a task waits. */
export async function testFiles(worker) {
  await inFolder(async (folder) => {
    const path = join(folder, "jobs.lock");
    const thread = new Worker(worker);
    thread.postMessage({ path });
    const [answer] = await once(thread, "message");
    assert.equal(answer, "held");
    const lock = new FileLock(path);
    await assert.rejects(lock.acquire({ timeout: 1 }), /"the worker".* holds it/);
    const waiting = lock.acquire({ timeout: 60_000 });
    // Only a helper thread can sleep in the kernel while this one runs.
    await until(() => kernelWaiters(path) === 1, "a helper thread waits in the kernel");
    thread.postMessage("release");
    const guard = await waiting;
    assert.ok(guard.held && guard.token > 1);
    guard.release();
    lock.close();
    await thread.terminate();

    const visits = new FileCounter(join(folder, "visits"));
    await Promise.all(Array.from({ length: 20 }, () => visits.add()));
    assert.equal(await visits.get(), 20);
    visits.close();
    assert.equal(readFileSync(join(folder, "visits"), "utf8"), "20\n");

    const settings = new JsonFile(join(folder, "settings.json"), { initial: { runs: 0 } });
    await Promise.all([1, 2].map(() => settings.update(({ runs }) => ({ runs: runs + 1 }))));
    assert.deepEqual(await settings.read(), { runs: 2 });
    settings.close();
  });
}

/** Two processes and this one share a counter and a mutex by the name of a segment. */
export async function testProcesses(command) {
  await inFolder(async (directory) => {
    const segment = Segment.open("shared", { directory });
    const children = [1, 2].map(() =>
      spawn(command[0], [...command.slice(1), "child", directory], { stdio: "inherit" })
    );
    const ended = Promise.all(children.map((child) => once(child, "exit")));
    const mutex = segment.mutex("turn");
    for (let i = 0; i < 20; i++) (await mutex.acquire({ timeout: 60_000 })).release();
    assert.deepEqual(await ended, [[0, null], [0, null]]);
    assert.equal(segment.rawValue("sum").value, 2 * TIMES);
    segment.close();
  });
}

/** One of the processes of {@linkcode testProcesses}. */
export function runChild(directory) {
  addToSum(Segment.open("shared", { directory, create: false }), TIMES);
}

/** Adds to a number that is not atomic, inside a mutex. */
export function addToSum(segment, times) {
  const [mutex, sum] = [segment.mutex("turn"), segment.rawValue("sum")];
  for (let i = 0; i < times; i++) mutex.runSync(() => sum.value++);
}

/** Without a server: an address needs the package redis, and says so. */
export async function testMissingRedis() {
  const lock = new RedisLock("redis://127.0.0.1:1", "jobs");
  await assert.rejects(lock.acquire({ timeout: 60_000 }), (error) => {
    assert.ok(error instanceof MisconfiguredError, error);
    assert.match(error.message, /npm install redis/);
    return true;
  });
  await lock.close();
}

/** A lock and a counter on a server. */
export async function testRedis(url) {
  const lock = new RedisLock(url, "jobs");
  const other = new RedisLock(url, "jobs");
  await withLock(lock, async (guard) => {
    assert.ok(guard.token >= 1 && !guard.signal.aborted);
    assert.equal(await other.tryAcquire(), undefined);
  });
  await (await other.acquire({ timeout: 60_000 })).release();
  await lock.close();
  await other.close();
  const counter = new RedisCounter(url, "visits");
  await counter.set(0);
  await Promise.all(Array.from({ length: 20 }, () => counter.add()));
  assert.equal(await counter.get(), 20);
  await counter.close();
}

/** Without calls of C, only memory for workers works; the rest says what is missing. */
export function testWithoutC(message) {
  const unsupported = (error) => {
    assert.equal(error.name, "UnsupportedError");
    assert.match(error.message, new RegExp(message));
    return true;
  };
  assert.throws(() => Segment.open("shared"), unsupported);
  assert.throws(() => new FileCounter("/tmp/interlock-none").addSync(), unsupported);
  const segment = Segment.anonymous();
  segment.mutex("turn").runSync(() => segment.counter("total").add());
  assert.equal(segment.counter("total").value, 1);
}

/** The entry points have their parts in common, as the same objects. */
export function testEntries() {
  assert.equal(memory.Segment, Segment);
  assert.equal(files.FileLock, FileLock);
  assert.equal(contract.LockLostError, LockLostError);
  const bytes = Memory.anonymous(256);
  const mutex = new Mutex(bytes, 0);
  mutex.lock();
  mutex.unlock();
}

async function inFolder(body) {
  const folder = mkdtempSync(join(tmpdir(), "interlock-consumer-"));
  try {
    await body(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function until(condition, what) {
  const end = performance.now() + 60_000;
  while (!condition()) {
    assert.ok(performance.now() < end, `Not within a minute: ${what}`);
    await sleep(5);
  }
}

/** How many threads sleep in flock(2) for a file. */
function kernelWaiters(path) {
  const inode = `:${statSync(path).ino} `;
  return readFileSync("/proc/locks", "utf8").split("\n")
    .filter((line) => line.includes("-> FLOCK") && line.includes(inode)).length;
}
