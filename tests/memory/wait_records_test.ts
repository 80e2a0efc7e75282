import assert from "node:assert/strict";
import process from "node:process";
import { describe, it } from "node:test";
import { HEADER, MUTEX, SLOT, WAIT } from "../../src/memory/layout.ts";
import { leastHoldTime } from "../../src/memory/lock_words.ts";
import { attachmentOf, regionOf } from "../../src/memory/memory.ts";
import { Flag, type Memory, type MemoryThread, Mutex } from "../../src/memory/mod.ts";
import { processIdentity, threadIdentity } from "../../src/runtime/identity/thread_identity.ts";
import { until } from "../support/until.ts";
import { itInBoth } from "./fixtures/both_memories.ts";
import { RUNTIMES, withAgents } from "./fixtures/lock_agents.ts";

const LIMIT = { timeout: 60_000 };
const LATE = { name: "TimeoutError" };

/** The waits of this thread, without their times. */
function waitsHere(memory: Memory) {
  const mine = memory.threads().find(({ owner }) => owner.thread === threadIdentity().thread)!;
  return mine.waits.map(({ since: _, ...wait }) => wait);
}

/** Lets another thread, which lives, hold the mutex at an offset. */
function holdElsewhere(memory: Memory, offset: number): void {
  const { region, threads } = attachmentOf(memory);
  const owner = threads.claim(processIdentity(process.ppid), true);
  region.atomics.store32(region.resolve(offset, 4, 4), owner);
}

/** Calls `look` in each sleep of this thread, which is the only one that can look then. */
function whileAsleep(memory: Memory, look: () => void): void {
  const region = regionOf(memory);
  region.wait = () => {
    look();
    return false;
  };
}

describe("What a thread waits for", () => {
  itInBoth("is recorded while it sleeps for a mutex or a flag", (memory, again) => {
    const seen: unknown[] = [];
    const other = again();
    whileAsleep(memory, () => seen.push(...waitsHere(other)));
    const sleepIn = (wait: (timeout: number) => unknown) => {
      // A busy machine may take the time of a short timeout before the sleep.
      for (let timeout = 1; seen.length === 0; timeout *= 4) {
        assert.ok(timeout < 20_000, "it did not sleep");
        assert.throws(() => wait(timeout), LATE);
      }
      return seen.splice(0);
    };
    holdElsewhere(memory, 256);
    const wait = { offset: 256, kind: "lock", isBlocked: true };
    const atMutex = sleepIn((timeout) => new Mutex(memory, 256).acquireSync({ timeout }));
    for (const found of atMutex) assert.deepEqual(found, wait);
    const atFlag = sleepIn((timeout) => new Flag(memory, 512).waitSync({ timeout }));
    for (const found of atFlag) assert.deepEqual(found, { ...wait, offset: 512, kind: "flag" });
    assert.deepEqual(waitsHere(other), []);
  });

  itInBoth("is recorded once for all tasks that wait for it", async (memory, again) => {
    const before = Date.now();
    const mutexes = [0, 128, 256, 384, 512, 640].map((offset) => {
      holdElsewhere(memory, offset);
      return new Mutex(memory, offset);
    });
    const flag = new Flag(memory, 768);
    const end = new AbortController();
    const pending = [...mutexes, mutexes[0]].map((mutex) => mutex.acquire({ signal: end.signal }));
    const awaited = (offset: number) => ({ offset, kind: "lock", isBlocked: false });
    const other = again();
    assert.deepEqual(waitsHere(other), [0, 128, 256, 384].map(awaited));
    const { atomics, base } = regionOf(memory);
    const slot = base + HEADER.firstSlot +
      ((attachmentOf(memory).identity & 1023) - 1) * SLOT.bytes;
    assert.equal(atomics.load32(slot + SLOT.awaits), 6);
    const asked = Date.now();
    const { since } = memory.threads().find(({ waits }) => waits.length > 0)!.waits[0];
    const now = Date.now();
    // The date follows from two clocks, between whose readings the thread may not run for a while.
    const error = now - asked + 5;
    const isRight = since.getTime() >= before - error && since.getTime() <= now + error;
    assert.ok(isRight, `${since.toISOString()}, within ${error} ms`);
    end.abort();
    for (const one of pending) await assert.rejects(one);
    assert.deepEqual(waitsHere(other), []);
    assert.equal(atomics.load32(slot + SLOT.awaits), 0);
    const set = flag.wait();
    assert.deepEqual(waitsHere(other), [{ ...awaited(768), kind: "flag" }]);
    flag.set();
    await set;
    assert.deepEqual(waitsHere(other), []);
  });

  itInBoth("is not reported if the record makes no sense", (memory) => {
    const { atomics, base } = regionOf(memory);
    const { identity } = attachmentOf(memory);
    const record = base + HEADER.firstSlot + ((identity & 1023) - 1) * SLOT.bytes + SLOT.wait;
    const noDate = 0x7fffffff;
    const records = [[0, 1, 0], [-5, 1, 0], [1, 0, 0], [1, 77, 0], [1, -1, 0], [1, 1, noDate]];
    for (const [word, kind, since] of records) {
      atomics.store32(record + WAIT.word, word);
      atomics.store32(record + WAIT.kind, kind);
      atomics.store32(record + WAIT.since + 4, since);
      assert.deepEqual(waitsHere(memory), [], `${word} ${kind} ${since}`);
    }
    atomics.store32(record + WAIT.word, 0);
  });

  for (const name of RUNTIMES) {
    it(
      `is seen by other processes, and not after its death: ${name}`,
      LIMIT,
      withAgents(async (group) => {
        const [sleeper, tasks] = [await group.process(name), await group.process(name)];
        const guards = [0, 1].map((i) => group.mutex(i).acquireSync());
        sleeper.tell({ act: "take", mutex: 0, way: "lock" });
        tasks.tell({ act: "take", mutex: 1, way: "async" });
        const of = (pid: number) => group.memory.threads().find(({ owner }) => owner.pid === pid);
        const waits = (thread?: MemoryThread) =>
          thread?.waits.map(({ offset, kind, isBlocked }) => [offset, kind, isBlocked]);
        const pids = [sleeper.child.pid, tasks.child.pid];
        await until("both wait", () => pids.every((pid) => of(pid)!.waits.length > 0));
        assert.deepEqual(waits(of(pids[0])), [[0, "lock", true]]);
        assert.deepEqual(waits(of(pids[1])), [[128, "lock", false]]);
        await sleeper.kill();
        assert.equal(of(pids[0])!.isGone, true);
        for (const guard of guards) guard.release();
        assert.equal((await tasks.outcome()).got, true);
        await until("it does not wait", () => of(pids[1])!.waits.length === 0);
      }),
    );
  }
});

describe("How long a mutex was held at least", () => {
  itInBoth("counts from its first waiter", async (memory) => {
    const region = regionOf(memory);
    const at = region.resolve(0, 16, 8);
    const time = () => leastHoldTime(region, at);
    const mutex = new Mutex(memory, 0);
    const first = mutex.acquireSync();
    region.atomics.exchange64(at + MUTEX.since, region.now() - 5e9); // Of a hold before.
    assert.equal(time(), undefined, "nobody has waited");
    const pending = mutex.acquire();
    const begun = time()!;
    assert.ok(begun >= 0 && begun < 1e6, `${begun} ms`); // The other hold: 5e6 ms.
    await until("some time", () => time()! >= begun + 5);
    first.release();
    (await pending).release();
    assert.equal(time(), undefined);
  });

  itInBoth("is in the message of a timeout", (memory) => {
    holdElsewhere(memory, 0);
    const mutex = new Mutex(memory, 0);
    const isTold = /held by process.*for at least \d+\.\d s/;
    // A busy machine may take the time of a short timeout before the wait is noted.
    for (let timeout = 50, message = ""; !isTold.test(message); timeout *= 4) {
      assert.ok(timeout < 20_000, message);
      assert.throws(() => mutex.acquireSync({ timeout }), (error: Error) => {
        message = error.message;
        return error.name === "TimeoutError";
      });
    }
    assert.throws(() => mutex.acquireSync({ timeout: 0 }), /held by process/);
  });
});
