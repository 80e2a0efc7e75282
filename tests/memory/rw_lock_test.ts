import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { DeadlockError, locked, LockLostError, withLock } from "../../src/contract/mod.ts";
import { RW_LOCK } from "../../src/memory/layout.ts";
import { attachmentOf } from "../../src/memory/memory.ts";
import { Memory, RwLock, type RwLockGuard, type RwLockOptions } from "../../src/memory/mod.ts";
import { describeLock } from "../contract/describe_lock.ts";
import { describeSharableLock } from "../contract/describe_sharable_lock.ts";
import { collected } from "../support/collected.ts";
import { lookingSignal } from "../support/looking_signal.ts";
import { ourError } from "../support/our_error.ts";
import { randomOf } from "../support/random.ts";
import { assertOffsets, itInBoth } from "./fixtures/both_memories.ts";

const SHARED = { shared: true };
const UPGRADABLE = { upgradable: true };
const TIMED_OUT = { name: "TimeoutError" };

function anonymous(options?: RwLockOptions) {
  const memory = Memory.anonymous(RwLock.BYTES);
  const handle = memory.handle!;
  return {
    lock: new RwLock(memory, 0, options),
    other: new RwLock(Memory.from(handle), 0, options),
    shared: { kind: "rw-lock", source: handle } as const,
    close: () => {},
  };
}

function mapped(options?: RwLockOptions) {
  const folder = mkdtempSync(join(tmpdir(), "interlock-test-"));
  const path = join(folder, "memory");
  const [memory, other] = [1, 2].map(() => Memory.map(path, RwLock.BYTES));
  return {
    lock: new RwLock(memory, 0, options),
    other: new RwLock(other, 0, options),
    shared: { kind: "rw-lock", source: path } as const,
    close: () => {
      memory.close();
      other.close();
      rmSync(folder, { recursive: true });
    },
  };
}

describeLock("RwLock in anonymous memory", anonymous, 10_000);
describeLock("RwLock in a mapped file", mapped, 10_000);
for (const prefer of ["writers", "readers", "fair"] as const) {
  describeSharableLock(`RwLock (${prefer}) in anonymous memory`, () => anonymous({ prefer }));
  describeSharableLock(`RwLock (${prefer}) in a mapped file`, () => mapped({ prefer }));
}

/** Fails unless the lock is free for all objects. */
function assertFree(...locks: RwLock[]): void {
  for (const lock of locks) {
    assert.deepEqual(lock.owners(), []);
    assert.equal(lock.held, false);
    for (const options of [SHARED, UPGRADABLE, {}]) {
      const guard = lock.tryAcquire(options);
      assert.ok(guard, "the lock is not free");
      guard.release();
    }
  }
}

describe("RwLock", () => {
  it("takes offsets inside of the memory that are multiples of 8", () => {
    assertOffsets((memory, offset) => new RwLock(memory, offset), RwLock.BYTES, 8);
  });

  it("refuses options that it does not know", async () => {
    const memory = Memory.anonymous(1);
    for (const prefer of ["nobody", null, 1]) {
      const options = { prefer } as unknown as RwLockOptions;
      assert.throws(() => new RwLock(memory, 0, options), ourError(TypeError));
    }
    const lock = new RwLock(memory, 0);
    const wrong = [{ shared: 1 }, { upgradable: "yes" }, { shared: true, upgradable: true }];
    for (const options of wrong as { shared: boolean }[]) {
      assert.throws(() => lock.acquireSync(options), ourError(TypeError));
      assert.throws(() => lock.tryAcquire(options), ourError(TypeError));
      await assert.rejects(lock.acquire(options), ourError(TypeError));
    }
    assertFree(lock);
  });

  itInBoth("is held by readers without guards, as often as they asked", (memory, again) => {
    const [lock, other] = [memory, again()].map((one) => new RwLock(one, 0));
    assert.throws(() => lock.unlockShared(), /does not hold it by lockShared/);
    lock.lockShared();
    lock.lockShared();
    other.lockShared();
    const guard = lock.acquireSync(SHARED);
    assert.equal(lock.owners().length, 1);
    lock.unlockShared();
    other.unlockShared();
    assert.throws(() => other.unlockShared(), ourError(Error));
    assert.equal(other.tryAcquire(), undefined);
    lock.unlockShared();
    assert.throws(() => lock.unlockShared(), /guards hold it/);
    assert.equal(other.tryAcquire(), undefined);
    guard.release();
    assertFree(lock, other);
  });

  itInBoth("lets a thread that reads read again while a writer waits", async (memory, again) => {
    const [lock, other] = [memory, again()].map((one) => new RwLock(one, 0));
    lock.lockShared();
    const writer = other.acquire();
    await Promise.resolve(); // It has closed the gate.
    assert.equal(lock.tryAcquire(SHARED), undefined);
    const task = lock.acquire(SHARED);
    lock.lockShared();
    const guard = lock.acquireSync(SHARED);
    guard.release();
    lock.unlockShared();
    assert.equal(await Promise.race([writer, task, Promise.resolve("wait")]), "wait");
    lock.unlockShared();
    (await writer).release();
    (await task).release();
    assertFree(lock, other);
  });

  itInBoth("lets new readers in while a writer waits if it prefers readers", async (memory) => {
    const lock = new RwLock(memory, 0, { prefer: "readers" });
    const first = lock.acquireSync(SHARED);
    const writer = lock.acquire();
    await Promise.resolve();
    const second = lock.tryAcquire(SHARED);
    assert.ok(second);
    first.release();
    assert.equal(await Promise.race([writer, Promise.resolve("waits")]), "waits");
    second.release();
    (await writer).release();
    assertFree(lock);
  });

  itInBoth("throws a DeadlockError for a thread that would wait for itself", (memory, again) => {
    const [lock, other] = [memory, again()].map((one) => new RwLock(one, 0));
    lock.lockShared();
    for (const one of [lock, other]) {
      assert.throws(() => one.lock(), DeadlockError);
      assert.throws(() => one.acquireSync(), DeadlockError);
    }
    lock.unlockShared();
    assertFree(lock, other);
    lock.lock();
    assert.throws(() => other.acquireSync(), /Cannot wait for a read-write lock/);
    assert.throws(() => other.lock(), /Cannot wait for a read-write lock/);
    for (const one of [lock, other]) {
      assert.throws(() => one.lockShared(), DeadlockError);
      assert.throws(() => one.acquireSync(SHARED), DeadlockError);
      assert.throws(() => one.acquireSync(UPGRADABLE), DeadlockError);
    }
    lock.unlock();
    assertFree(lock, other);
  });

  itInBoth("has one reader that becomes a writer without a gap", async (memory, again) => {
    const [lock, other] = [memory, again()].map((one) => new RwLock(one, 0));
    const guard = await lock.acquire(UPGRADABLE);
    assert.deepEqual([guard.shared, guard.upgradable, guard.token], [true, true, undefined]);
    assert.equal(other.tryAcquire(UPGRADABLE), undefined);
    assert.equal(other.tryAcquire(), undefined);
    const reader = other.tryAcquire(SHARED)!;
    const upgrade = guard.upgrade();
    assert.equal(await Promise.race([upgrade, Promise.resolve("waits")]), "waits");
    assert.equal(other.tryAcquire(SHARED), undefined);
    reader.release();
    assert.equal(await upgrade, true);
    assert.deepEqual([guard.shared, guard.upgradable], [false, false]);
    assert.ok(guard.token! > 0);
    guard.downgrade();
    assert.deepEqual([guard.shared, guard.upgradable, guard.token], [true, false, undefined]);
    other.tryAcquire(SHARED)!.release();
    guard.release();
    assertFree(lock, other);
  });

  itInBoth("ends the wait of an upgrade when its guard is released", async (memory, again) => {
    const [lock, other] = [memory, again()].map((one) => new RwLock(one, 0));
    for (const options of [SHARED, UPGRADABLE]) {
      const guard = lock.acquireSync(options);
      const reader = other.acquireSync(SHARED);
      const upgrade = guard.upgrade();
      guard.release();
      await assert.rejects(upgrade, LockLostError);
      reader.release();
      assertFree(lock, other);
    }
  });

  itInBoth("stays open if an upgrade cannot watch its signal", async (memory, again) => {
    const [lock, other] = [memory, again()].map((one) => new RwLock(one, 0));
    const guard = lock.acquireSync(UPGRADABLE);
    const { region } = attachmentOf(memory);
    const { atomics } = region;
    const gate = region.resolve(RW_LOCK.gate, 4, 4);
    let reader: RwLockGuard | undefined;
    // A reader comes after the upgrade has found none, and before it closes the gate.
    const compareExchange32: typeof atomics.compareExchange32 = (at, expected, value) => {
      if (at === gate) reader ??= other.tryAcquire(SHARED);
      return atomics.compareExchange32(at, expected, value);
    };
    region.atomics = Object.create(atomics, { compareExchange32: { value: compareExchange32 } });
    const refused = new Error("refused");
    const signal = lookingSignal(() => {});
    signal.addEventListener = () => {
      throw refused;
    };
    await assert.rejects(guard.upgrade({ signal }), refused);
    region.atomics = atomics;
    assert.deepEqual([guard.held, guard.upgradable], [true, true]);
    other.tryAcquire(SHARED)!.release();
    reader!.release();
    guard.release();
    assertFree(lock, other);
  });

  itInBoth("times out, and lets readers in again", async (memory, again) => {
    const [lock, other] = [memory, again()].map((one) => new RwLock(one, 0));
    const reader = other.acquireSync(SHARED);
    await assert.rejects(lock.acquire({ timeout: 1 }), TIMED_OUT);
    other.tryAcquire(SHARED)!.release();
    lock.tryAcquire(SHARED)!.release();
    reader.release();
    const writer = other.acquireSync();
    await assert.rejects(lock.acquire({ ...SHARED, timeout: 1 }), TIMED_OUT);
    const late = { ...TIMED_OUT, message: /read-write lock in time: it is held by process \d+/ };
    for (const options of [SHARED, UPGRADABLE, {}]) {
      await assert.rejects(lock.acquire({ ...options, timeout: 1 }), late);
    }
    writer.release();
    assertFree(lock, other);
  });

  itInBoth("serves withLock and locked in all modes", async (memory) => {
    const lock = new RwLock(memory, 0);
    await withLock(lock, async () => {
      assert.equal(await withLock(lock, () => "inside", SHARED), "inside");
    }, SHARED);
    await withLock(lock, (guard) => assert.equal(guard.shared, false));
    await withLock(lock, (guard) => guard.upgrade(), UPGRADABLE);
    await locked(lock, SHARED)(() => {
      lock.tryAcquire(SHARED)!.release();
      assert.equal(lock.tryAcquire(), undefined);
    })();
    await locked(lock, UPGRADABLE)(() => {
      lock.tryAcquire(SHARED)!.release();
      assert.equal(lock.tryAcquire(UPGRADABLE), undefined);
    })();
    await locked(lock)(() => assert.equal(lock.tryAcquire(SHARED), undefined))();
    assertFree(lock);
  });

  itInBoth("is read under with 15 others by a thread, and no more", (memory) => {
    const locks = Array.from({ length: 17 }, (_, i) => new RwLock(memory, i * RwLock.BYTES));
    for (const lock of locks.slice(0, 16)) lock.lockShared();
    assert.throws(() => locks[16].lockShared(), ourError(RangeError));
    locks[3].unlockShared();
    locks[16].lockShared();
    for (const lock of [...locks.slice(0, 3), ...locks.slice(4)]) lock.unlockShared();
    assertFree(...locks);
  });

  itInBoth("is known to be read under, whichever locks its thread reads under", (memory, again) => {
    const random = randomOf(7);
    const pick = () => Math.floor(24 * random());
    const opened = [memory, again()];
    const locks = opened.map((one) => {
      return Array.from({ length: 24 }, (_, i) => new RwLock(one, i * RwLock.BYTES));
    });
    const held = new Set<RwLock>();
    let refused = 0;
    for (let i = 0; i < 3000; i++) {
      const lock = locks[pick() % 2][pick()];
      if (held.delete(lock)) lock.unlockShared();
      else if (held.size < 16) {
        lock.lockShared();
        held.add(lock);
      } else {
        assert.throws(() => lock.lockShared(), ourError(RangeError));
        assert.equal(lock.held, false);
        refused++;
      }
      const at = pick();
      const [one, other] = locks.map((list) => list[at]);
      const guard = one.tryAcquire();
      assert.equal(guard === undefined, held.has(one) || held.has(other), `step ${i}, lock ${at}`);
      guard?.release();
    }
    assert.ok(refused > 100);
    for (const lock of held) lock.unlockShared();
    assertFree(...locks.flat());
  });

  itInBoth("stays exclusive if its thread reads under too many locks", (memory) => {
    const locks = Array.from({ length: 17 }, (_, i) => new RwLock(memory, i * RwLock.BYTES));
    for (const lock of locks.slice(0, 16)) lock.lockShared();
    const guard = locks[16].acquireSync();
    assert.throws(() => guard.downgrade(), ourError(RangeError));
    assert.deepEqual([guard.held, guard.shared], [true, false]);
    locks[5].unlockShared();
    guard.downgrade();
    assert.deepEqual([guard.held, guard.shared], [true, true]);
    guard.release();
    for (const lock of [...locks.slice(0, 5), ...locks.slice(6, 16)]) lock.unlockShared();
    assertFree(...locks);
  });

  itInBoth("keeps its memory open while it is held", (memory, again) => {
    const opened = again();
    const lock = new RwLock(opened, 0);
    lock.lockShared();
    assert.throws(() => opened.close(), /holds 1 of its locks/);
    lock.unlockShared();
    for (const options of [SHARED, UPGRADABLE, {}]) {
      const guard = lock.acquireSync(options);
      assert.throws(() => opened.close(), /holds 1 of its locks/);
      guard.release();
    }
    opened.close();
    assertFree(new RwLock(memory, 0));
  });

  it("keeps its memory open by a guard whose lock has no other use", async () => {
    for (const options of [SHARED, UPGRADABLE, {}]) {
      const memory = Memory.anonymous(1);
      const guard = (() => new RwLock(memory, 0).acquireSync(options))();
      const dropped = (() => new WeakRef(new RwLock(memory, 0)))();
      await collected(() => dropped.deref() === undefined);
      assert.throws(() => memory.close(), /holds 1 of its locks/);
      assert.equal(guard.held, true);
      guard.release();
      memory.close();
    }
  });

  itInBoth("reports a lock that was taken from its writer, also to a block", (memory) => {
    const { region, threads, thread } = attachmentOf(memory);
    const robber = threads.claim(thread, true);
    const words = [RW_LOCK.turn, RW_LOCK.gate].map((offset) => region.resolve(offset, 4, 4));
    const write = (owner: number) => {
      for (const word of words) region.atomics.store32(word, owner);
    };
    const lock = new RwLock(memory, 0);
    for (const end of ["release", Symbol.dispose, "downgrade"] as const) {
      const guard = lock.acquireSync();
      write(robber);
      assert.equal(guard.held, false);
      assert.throws(() => guard[end](), LockLostError);
      assert.equal(guard.held, false);
      assert.deepEqual(words.map((word) => region.atomics.load32(word)), [robber, robber]);
      write(0);
      assertFree(lock);
    }
    lock.lock();
    write(robber);
    assert.throws(() => lock.unlock(), LockLostError);
    write(0);
    assertFree(lock);
  });

  itInBoth("rejects everything after the close of its memory", async (memory, again) => {
    const opened = again();
    const lock = new RwLock(opened, 0);
    const guard = new RwLock(memory, 0).acquireSync();
    const waits = [SHARED, {}].map((options) => assert.rejects(lock.acquire(options), TypeError));
    opened.close();
    await Promise.all(waits);
    assert.throws(() => lock.lock(), TypeError);
    assert.throws(() => lock.lockShared(), TypeError);
    await assert.rejects(lock.acquire(SHARED), TypeError);
    guard.release();
  });
});
