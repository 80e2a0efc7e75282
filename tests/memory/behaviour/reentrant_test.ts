import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { DeadlockError } from "../../../src/contract/mod.ts";
import { regionOf } from "../../../src/memory/memory.ts";
import { Memory, Mutex, Segment } from "../../../src/memory/mod.ts";
import { describeLock } from "../../contract/describe_lock.ts";
import { itInBoth } from "../fixtures/both_memories.ts";

const REENTRANT = { reentrant: true };

describe("A reentrant mutex", () => {
  itInBoth("is free when each hold was released, in any order", (memory, again) => {
    const mutex = new Mutex(memory, 0, REENTRANT);
    const other = new Mutex(again(), 0, REENTRANT);
    const isFree = () => {
      const guard = other.tryAcquire();
      guard?.release();
      return guard !== undefined;
    };
    const first = mutex.acquireSync();
    const second = mutex.acquireSync({ timeout: 0 });
    mutex.lock();
    const third = mutex.tryAcquire()!;
    assert.equal(mutex.runSync(() => mutex.runSync(() => isFree())), false);
    assert.deepEqual([first.held, second.held, third.held], [true, true, true]);
    first.release();
    assert.throws(() => first.release(), /twice/);
    assert.deepEqual([first.held, second.held, third.held], [false, true, true]);
    mutex.unlock();
    assert.throws(() => mutex.unlock(), /held several times, and not by this/);
    third.release();
    assert.equal(isFree(), false);
    assert.throws(() => mutex.unlock(), /held by another guard/);
    assert.equal(second.held, true);
    second.release();
    assert.deepEqual([mutex.held, isFree()], [false, true]);
    mutex.lock();
    mutex.lock();
    mutex.unlock();
    assert.deepEqual([mutex.held, isFree()], [true, false]);
    mutex.unlock();
    assert.throws(() => mutex.unlock(), /free/);
  });

  itInBoth("gives nested guards the token of the outer one", (memory) => {
    const mutex = new Mutex(memory, 0, REENTRANT);
    mutex.lock();
    const first = mutex.acquireSync();
    const second = mutex.acquireSync();
    assert.equal(second.token, first.token);
    for (const guard of [first, second]) guard.release();
    mutex.unlock();
    const third = mutex.acquireSync();
    assert.equal(third.token, first.token + 1);
    mutex.lock();
    const fourth = mutex.tryAcquire()!;
    assert.equal(fourth.token, third.token);
    mutex.unlock();
    for (const guard of [third, fourth]) guard.release();
  });

  itInBoth("that a task holds lets no other task in", async (memory) => {
    const mutex = new Mutex(memory, 0, REENTRANT);
    const guard = await mutex.acquire();
    assert.throws(() => mutex.lock(), DeadlockError);
    assert.throws(() => mutex.acquireSync(), DeadlockError);
    assert.throws(() => mutex.runSync(() => {}), DeadlockError);
    assert.equal(mutex.tryAcquire(), undefined);
    const next = mutex.acquire();
    guard.release();
    (await next).release();
    mutex.runSync(() => mutex.runSync(() => {}));
    mutex.lock();
    const waiting = mutex.acquire();
    mutex.lock();
    mutex.unlock();
    mutex.unlock();
    (await waiting).release();
    assert.equal(mutex.held, false);
  });

  itInBoth("reports the loss of the lock by the last release", (memory) => {
    const mutex = new Mutex(memory, 0, REENTRANT);
    const [first, second] = [mutex.acquireSync(), mutex.acquireSync()];
    const { atomics } = regionOf(memory);
    atomics.store32(regionOf(memory).resolve(0, 4, 4), 0);
    assert.deepEqual([first.held, second.held, mutex.held], [false, false, false]);
    second.release();
    assert.throws(() => first.release(), { name: "LockLostError" });
    mutex.acquireSync().release();
  });

  it("is not had by default, and not by another object of the memory", () => {
    const memory = Memory.anonymous(1);
    using _guard = new Mutex(memory, 0).acquireSync();
    assert.throws(() => new Mutex(memory, 0, REENTRANT).lock(), DeadlockError);
    const segment = Segment.anonymous(4096);
    const mutex = segment.mutex("a", { reentrant: true });
    mutex.lock();
    segment.mutex("a", { reentrant: true }).lock();
    mutex.unlock();
    mutex.unlock();
    assert.throws(() => segment.mutex("a"), TypeError);
    // @ts-expect-error: not a boolean.
    assert.throws(() => new Mutex(memory, 0, { reentrant: "yes" }), /reentrant must be a boolean/);
  });
});

describeLock("A fair mutex", () => {
  const memory = Memory.anonymous(128);
  const handle = memory.handle!;
  return {
    lock: new Mutex(memory, 0, { fair: true }),
    other: new Mutex(Memory.from(handle), 0, { fair: true }),
    shared: { kind: "mutex", handle },
    close: () => {},
  };
}, 2000);
