import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { DeadlockError, LockLostError } from "../../src/contract/mod.ts";
import { attachmentOf, regionOf } from "../../src/memory/memory.ts";
import { Memory, Mutex, type MutexOptions } from "../../src/memory/mod.ts";
import { threadIdentity } from "../../src/runtime/identity/thread_identity.ts";
import { adapter } from "../../src/runtime/mod.ts";
import { describeLock } from "../contract/describe_lock.ts";
import { assertOffsets, itInBoth } from "./fixtures/both_memories.ts";
import { mappedLock } from "./fixtures/mapped_lock.ts";

describeLock("Mutex in anonymous memory", () => {
  const memory = Memory.anonymous(128);
  const handle = memory.handle!;
  return {
    lock: new Mutex(memory, 0),
    other: new Mutex(Memory.from(handle), 0),
    shared: { kind: "mutex", handle },
    close: () => {},
  };
}, 20_000);

describeLock("Mutex in a mapped file", mappedLock, 20_000);

describe("Mutex", () => {
  it("takes offsets inside of the memory that are multiples of 8", () => {
    assertOffsets((memory, offset) => new Mutex(memory, offset), 32, 8);
  });

  itInBoth("reports its holder", (memory, again) => {
    const mutex = new Mutex(memory, 0);
    assert.equal(mutex.owner(), undefined);
    const guard = mutex.acquireSync();
    const { pid, thread } = threadIdentity();
    const runtime = adapter.name;
    assert.deepEqual(mutex.owner(), { pid, ...pid !== thread && { thread }, thread, runtime });
    assert.deepEqual(new Mutex(again(), 0).owner(), mutex.owner());
    guard.release();
    assert.equal(mutex.owner(), undefined);
  });

  itInBoth("names the holder when it refuses an unlock", (memory, again) => {
    const mutex = new Mutex(memory, 0);
    const other = new Mutex(again(), 0);
    assert.throws(() => other.unlock(), /free/);
    mutex.lock();
    assert.throws(() => other.unlock(), /this thread holds it by another object/);
    mutex.unlock();
    const { region, threads, thread } = attachmentOf(memory);
    region.atomics.store32(region.resolve(0, 4, 4), threads.claim(thread, true));
    assert.throws(() => other.unlock(), new RegExp(`process ${threadIdentity().pid}`));
  });

  itInBoth("throws a DeadlockError if its thread holds it by another object", (
    memory,
    again,
  ) => {
    using _guard = new Mutex(memory, 0).acquireSync();
    assert.throws(() => new Mutex(again(), 0).acquireSync(), DeadlockError);
    assert.throws(() => new Mutex(again(), 0).lock(), DeadlockError);
  });

  itInBoth("is released only by the guard, or the unlock, that belongs to the hold", (memory) => {
    const mutex = new Mutex(memory, 0);
    const guard = mutex.acquireSync();
    assert.throws(() => mutex.unlock(), /it is held by another guard/);
    assert.equal(guard.held, true);
    guard.release();
    mutex.lock();
    guard[Symbol.dispose]();
    assert.equal(mutex.held, true);
    mutex.unlock();
  });

  itInBoth("runs a function inside of it, for which no other holder can enter", (memory, again) => {
    const mutex = new Mutex(memory, 0);
    const other = new Mutex(again(), 0);
    const result = mutex.runSync(() => {
      assert.equal(mutex.held, true);
      assert.equal(other.tryAcquire(), undefined);
      assert.throws(() => mutex.runSync(() => {}), DeadlockError);
      return "done";
    });
    assert.equal(result, "done");
    assert.equal(mutex.held, false);
    const { pid } = threadIdentity();
    regionOf(memory).atomics.store32(regionOf(memory).resolve(0, 4, 4), 0x3ff);
    const late = () => mutex.runSync(() => assert.fail("it ran"), { timeout: 5 });
    assert.throws(late, { name: "TimeoutError" });
    regionOf(memory).atomics.store32(regionOf(memory).resolve(0, 4, 4), 0);
    assert.equal(other.runSync(() => other.owner()?.pid), pid);
    assert.equal(mutex.owner(), undefined);
  });

  itInBoth("has no member that releases the hold of a guard", (memory) => {
    const mutex = new Mutex(memory, 0);
    const guard = mutex.acquireSync();
    for (const object of [mutex, guard]) assert.deepEqual(Object.getOwnPropertySymbols(object), []);
    const names = [...Object.keys(mutex), ...Object.getOwnPropertyNames(Mutex.prototype)].sort();
    assert.deepEqual(names, [
      "acquire",
      "acquireSync",
      "constructor",
      "held",
      "lock",
      "owner",
      "recovered",
      "runSync",
      "tryAcquire",
      "unlock",
    ]);
    guard.release();
  });

  itInBoth("that was taken from its holder reports the loss, and is not freed", (memory) => {
    const mutex = new Mutex(memory, 0);
    const guard = mutex.acquireSync();
    const at = regionOf(memory).resolve(0, 16, 8);
    regionOf(memory).atomics.store32(at, 0);
    assert.deepEqual([guard.held, mutex.held], [false, false]);
    const { threads, thread } = attachmentOf(memory);
    const robber = threads.claim(thread, true);
    regionOf(memory).atomics.store32(at, robber);
    assert.equal(guard.held, false);
    assert.throws(() => guard.release(), LockLostError);
    guard[Symbol.dispose]();
    assert.equal(mutex.tryAcquire(), undefined, "the old guard has released it");
    regionOf(memory).atomics.store32(at, 0);

    const second = mutex.acquireSync();
    regionOf(memory).atomics.store32(at, 0);
    mutex.lock();
    assert.equal(second.held, false);
    assert.throws(() => second.release(), /held by lock/);
    mutex.unlock();

    const third = mutex.acquireSync();
    regionOf(memory).atomics.store32(at, 0);
    memory.close();
    assert.equal(third.held, false);
    third[Symbol.dispose]();
  });

  itInBoth("gives each guard a greater token", (memory, again) => {
    const mutexes = [new Mutex(memory, 0), new Mutex(again(), 0)];
    let last = 0;
    for (let i = 0; i < 10; i++) {
      const { token } = using(mutexes[i % 2].acquireSync());
      assert.ok(token > last);
      last = token;
      mutexes[0].lock();
      mutexes[0].unlock();
    }
  });

  itInBoth("is independent of a mutex at another offset", (memory) => {
    const first = new Mutex(memory, 0).acquireSync();
    const second = new Mutex(memory, Mutex.BYTES).acquireSync();
    second.release();
    first.release();
  });

  itInBoth("keeps its memory open while it is held", (memory, again) => {
    const opened = again();
    const guard = new Mutex(opened, 0).acquireSync();
    assert.throws(() => opened.close(), /holds 1 of its locks/);
    assert.equal(new Mutex(memory, 0).tryAcquire(), undefined);
    guard.release();
    opened.close();
    new Mutex(memory, 0).acquireSync().release();
  });

  itInBoth("marks the word while another task waits", async (memory, again) => {
    const mutex = new Mutex(memory, 0);
    const first = new Mutex(again(), 0).acquireSync();
    const tasks = Array.from({ length: 3 }, () => mutex.acquire());
    first.release();
    for (const [i, task] of tasks.entries()) {
      const guard = await task;
      const waited =
        (regionOf(memory).atomics.load32(regionOf(memory).resolve(0, 4, 4)) & 0x40000000) !== 0;
      assert.equal(waited, i < 2, "the next one is left to the next tick");
      guard.release();
    }
  });

  itInBoth("times a task out, even if the timeout is short", async (memory, again) => {
    const mutex = new Mutex(memory, 0);
    using _guard = new Mutex(again(), 0).acquireSync();
    // The timeout can run out at any step of the call.
    for (let i = 0; i < 300; i++) {
      const timeout = (i % 60) / 2000;
      await assert.rejects(mutex.acquire({ timeout }), { name: "TimeoutError" });
    }
  });

  itInBoth(
    "rejects everything after the close of its memory, waits included",
    async (memory, again) => {
      const opened = again();
      const mutex = new Mutex(opened, 0);
      const guard = new Mutex(memory, 0).acquireSync();
      const waiting = assert.rejects(mutex.acquire(), TypeError);
      opened.close();
      await waiting;
      assert.throws(() => mutex.lock(), TypeError);
      assert.throws(() => mutex.tryAcquire(), TypeError);
      await assert.rejects(mutex.acquire(), TypeError);
      guard.release();
    },
  );

  it("refuses options that it does not know", () => {
    const memory = Memory.anonymous(1);
    const wrong = { onOwnerDied: "ignore" } as unknown as MutexOptions;
    assert.throws(() => new Mutex(memory, 0, wrong), TypeError);
  });
});

/** Releases a guard and returns it. */
function using<T extends Disposable>(guard: T): T {
  guard[Symbol.dispose]();
  return guard;
}
