import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { DeadlockError, LockLostError, withLock } from "../../src/contract/mod.ts";
import { attachmentOf, regionOf } from "../../src/memory/memory.ts";
import { SEMAPHORE } from "../../src/memory/layout.ts";
import { Memory, Semaphore } from "../../src/memory/mod.ts";
import { threadIdentity } from "../../src/runtime/identity/thread_identity.ts";
import { adapter } from "../../src/runtime/mod.ts";
import {
  WRONG_OPTIONS,
  WRONG_SIGNALS,
  WRONG_TIMEOUT_RANGES,
  WRONG_TIMEOUT_TYPES,
} from "../contract/wrong_arguments.ts";
import { describeLock } from "../contract/describe_lock.ts";
import { permitLock } from "../contract/shared_lock.ts";
import { collected } from "../support/collected.ts";
import { lookingSignal } from "../support/looking_signal.ts";
import { ourError } from "../support/our_error.ts";
import { assertOffsets, itInBoth } from "./fixtures/both_memories.ts";

const TIMED_OUT = { name: "TimeoutError" };
const THREE = { permits: 3 };

/** Fails unless all permits are free, for all objects. */
function assertFree(...semaphores: Semaphore[]): void {
  for (const semaphore of semaphores) {
    assert.equal(semaphore.available, semaphore.permits);
    assert.deepEqual(semaphore.owners(), []);
    const guard = semaphore.tryAcquire({ permits: semaphore.permits });
    assert.ok(guard, "not all permits are free");
    guard.release();
    assert.equal(semaphore.held, false);
  }
}

describeLock("Semaphore in anonymous memory", () => {
  const memory = Memory.anonymous(Semaphore.bytes(1));
  const handle = memory.handle!;
  return {
    lock: permitLock(memory),
    other: permitLock(Memory.from(handle)),
    shared: { kind: "semaphore", source: handle },
    close: () => {},
  };
}, 20_000);

describeLock("Semaphore in a mapped file", () => {
  const folder = mkdtempSync(join(tmpdir(), "interlock-test-"));
  const path = join(folder, "memory");
  const [memory, other] = [1, 2].map(() => Memory.map(path, Semaphore.bytes(1)));
  return {
    lock: permitLock(memory),
    other: permitLock(other),
    shared: { kind: "semaphore", source: path },
    close: () => {
      memory.close();
      other.close();
      rmSync(folder, { recursive: true });
    },
  };
}, 20_000);

describe("Semaphore", () => {
  it("takes offsets inside of the memory that are multiples of 8", () => {
    assertOffsets(
      (memory, offset) => new Semaphore(memory, offset, THREE),
      Semaphore.bytes(3),
      8,
    );
  });

  it("takes 1 to 65,536 permits", () => {
    const memory = Memory.anonymous(Semaphore.bytes(65_536));
    for (const permits of [1, 65_536]) {
      const semaphore = new Semaphore(memory, 0, { permits });
      assert.equal(semaphore.permits, permits);
      assertFree(semaphore);
    }
    for (const permits of [0, -1, 65_537, Infinity, NaN, 1.5, "1", null, undefined, 1n]) {
      const isNumber = Number.isInteger(permits);
      const make = () => new Semaphore(memory, 0, { permits: permits as number });
      assert.throws(make, ourError(isNumber ? RangeError : TypeError), String(permits));
    }
    for (const options of [...WRONG_OPTIONS, undefined]) {
      assert.throws(() => new Semaphore(memory, 0, options as typeof THREE), ourError(TypeError));
    }
  });

  itInBoth("grants as many permits as there are, of all objects together", (memory, again) => {
    const semaphores = [memory, again(), memory].map((one) => new Semaphore(one, 0, THREE));
    const guards = semaphores.map((semaphore, i) => {
      assert.equal(semaphore.available, 3 - i);
      return semaphore.acquireSync();
    });
    for (const semaphore of semaphores) {
      assert.equal(semaphore.available, 0);
      assert.equal(semaphore.tryAcquire(), undefined);
      assert.equal(semaphore.held, true);
    }
    guards[1].release();
    assert.equal(guards[1].held, false);
    assert.equal(semaphores[0].available, 1);
    semaphores[0].waitSync();
    assert.equal(semaphores[1].tryAcquire(), undefined);
    semaphores[0].post();
    guards[0].release();
    guards[2].release();
    assertFree(...semaphores);
  });

  itInBoth("grants several permits at once, or none", async (memory) => {
    const semaphore = new Semaphore(memory, 0, THREE);
    const two = semaphore.tryAcquire({ permits: 2 })!;
    assert.equal(semaphore.available, 1);
    for (const permits of [2, 3]) {
      assert.equal(semaphore.tryAcquire({ permits }), undefined);
      await assert.rejects(semaphore.acquire({ permits, timeout: 1 }), TIMED_OUT);
      assert.equal(semaphore.available, 1);
    }
    const one = await semaphore.acquire({ permits: 1 });
    const waiting = semaphore.acquire({ permits: 3 });
    two.release();
    one.release();
    (await waiting).release();
    semaphore.acquireSync({ permits: 3 }).release();
    assertFree(semaphore);
  });

  itInBoth("refuses a post of more than was taken by the same object", (memory, again) => {
    const [semaphore, other] = [memory, again()].map((one) => new Semaphore(one, 0, THREE));
    assert.throws(() => semaphore.post(), /none that waitSync\(\) acquired/);
    const guard = semaphore.acquireSync();
    assert.throws(() => semaphore.post(), /guards hold 1/);
    semaphore.waitSync();
    assert.throws(() => other.post(), ourError(Error));
    semaphore.post();
    assert.throws(() => semaphore.post(), ourError(Error));
    assert.equal(guard.held, true);
    assert.equal(other.available, 2);
    guard.release();
    assert.throws(() => guard.release(), /twice/);
    guard[Symbol.dispose]();
    assertFree(semaphore, other);
  });

  itInBoth(
    "throws a DeadlockError if the thread holds what it waits for",
    async (memory, again) => {
      const semaphore = new Semaphore(memory, 0, THREE);
      const other = new Semaphore(again(), 0, THREE);
      semaphore.waitSync();
      const guards = [other.acquireSync(), other.acquireSync()];
      for (const one of [semaphore, other]) {
        assert.throws(() => one.waitSync(), DeadlockError);
        assert.throws(() => one.acquireSync({ timeout: 5 }), DeadlockError);
      }
      // A task waits, since another task of the thread may release.
      const waiting = semaphore.acquire();
      assert.equal(await Promise.race([waiting, Promise.resolve("waits")]), "waits");
      guards[0].release();
      (await waiting).release();
      assert.throws(() => semaphore.acquireSync({ permits: 2 }), DeadlockError);
      guards[1].release();
      semaphore.post();
      assertFree(semaphore, other);
    },
  );

  itInBoth("reports its holders, each once", (memory) => {
    const semaphore = new Semaphore(memory, 0, THREE);
    using _guard = semaphore.acquireSync({ permits: 2 });
    const { pid, thread } = threadIdentity();
    assert.deepEqual(semaphore.owners(), [{ pid, thread, runtime: adapter.name }]);
  });

  itInBoth("gives each guard a greater token", (memory, again) => {
    const semaphores = [memory, again()].map((one) => new Semaphore(one, 0, THREE));
    let last = 0;
    for (let i = 0; i < 10; i++) {
      using guard = semaphores[i % 2].acquireSync();
      assert.ok(guard.token > last);
      last = guard.token;
    }
  });

  itInBoth("times out, and names the holders", async (memory, again) => {
    const semaphore = new Semaphore(memory, 0, { permits: 1 });
    const { region, threads, thread } = attachmentOf(again());
    const cell = region.resolve(SEMAPHORE.permits, 4, 4);
    region.atomics.store32(cell, threads.claim(thread && { ...thread, startTime: 0 }, true));
    const holder = new RegExp(`process ${threadIdentity().pid}`);
    for (const timeout of [0, 0.5, 20]) {
      const start = performance.now();
      const isTimeout = { ...TIMED_OUT, message: holder };
      assert.throws(() => semaphore.waitSync({ timeout }), isTimeout);
      assert.throws(() => semaphore.acquireSync({ timeout }), isTimeout);
      await assert.rejects(semaphore.acquire({ timeout }), isTimeout);
      assert.ok(performance.now() - start >= 3 * timeout - 1, "gave up before its time");
    }
    region.atomics.store32(cell, 0);
    assertFree(semaphore);
  });

  itInBoth("refuses wrong options, and the permits stay free", async (memory) => {
    const semaphore = new Semaphore(memory, 0, THREE);
    type Options = Parameters<Semaphore["acquire"]>[0];
    const refuse = async (options: Options, type: new (message: string) => Error, own = false) => {
      assert.throws(() => semaphore.acquireSync(options), ourError(type));
      await assert.rejects(semaphore.acquire(options), ourError(type));
      if (own) assert.throws(() => semaphore.tryAcquire(options), ourError(type));
      else assert.throws(() => semaphore.waitSync(options), ourError(type));
    };
    for (const options of WRONG_OPTIONS) await refuse(options, TypeError);
    for (const options of WRONG_OPTIONS) await refuse(options, TypeError, true);
    for (const timeout of WRONG_TIMEOUT_RANGES) await refuse({ timeout }, RangeError);
    for (const timeout of WRONG_TIMEOUT_TYPES) await refuse({ timeout }, TypeError);
    for (const signal of WRONG_SIGNALS) await refuse({ signal }, TypeError);
    for (const permits of [0, -1, 4]) await refuse({ permits }, RangeError, true);
    for (const permits of [1.5, NaN, "1", null]) {
      await refuse({ permits: permits as number }, TypeError, true);
    }
    assertFree(semaphore);
  });

  itInBoth("gives up with the reason of a signal, and the permits stay free", async (memory) => {
    const semaphore = new Semaphore(memory, 0, THREE);
    const reason = new Error("enough");
    const signal = AbortSignal.abort(reason);
    assert.throws(() => semaphore.waitSync({ signal }), reason);
    assert.throws(() => semaphore.acquireSync({ signal }), reason);
    await assert.rejects(semaphore.acquire({ signal }), reason);
    assertFree(semaphore);
    const guard = semaphore.acquireSync({ permits: 3 });
    const controllers = [0, 1, 2].map(() => new AbortController());
    const waits = controllers.map(({ signal }) => semaphore.acquire({ signal }));
    controllers[0].abort(reason);
    controllers[2].abort(reason);
    await assert.rejects(waits[0], reason);
    await assert.rejects(waits[2], reason);
    guard.release();
    (await waits[1]).release();
    assertFree(semaphore);
  });

  itInBoth("looks at the signal during a synchronous wait", (memory, again) => {
    const semaphore = new Semaphore(memory, 0, { permits: 1 });
    const region = regionOf(again());
    const cell = region.resolve(SEMAPHORE.permits, 4, 4);
    region.atomics.store32(cell, 0x3ff); // Held by an owner that may live.
    const reason = new Error("enough");
    const signal = lookingSignal((look) => {
      if (look === 4) throw reason;
    });
    assert.throws(() => semaphore.acquireSync({ signal }), reason);
    const free = lookingSignal((look) => void (look === 4 && region.atomics.store32(cell, 0)));
    semaphore.acquireSync({ signal: free }).release();
    assertFree(semaphore);
  });

  itInBoth("grants tasks in the order in which they asked, as many as fit", async (memory) => {
    const semaphore = new Semaphore(memory, 0, THREE);
    const order: number[] = [];
    let inside = 0;
    let most = 0;
    const all = Array.from({ length: 30 }, (_, i) => i);
    await Promise.all(all.map((i) =>
      withLock(semaphore, async () => {
        order.push(i);
        most = Math.max(most, ++inside);
        assert.ok(inside <= 3, `${inside} tasks are inside`);
        await Promise.resolve();
        inside--;
      })
    ));
    assert.deepEqual(order, all);
    assert.equal(most, 3);
    assertFree(semaphore);
  });

  itInBoth("reports the loss of a permit that was taken from its holder", (memory) => {
    const semaphore = new Semaphore(memory, 0, { permits: 1 });
    const { region, threads, thread } = attachmentOf(memory);
    const cell = region.resolve(SEMAPHORE.permits, 4, 4);
    const guard = semaphore.acquireSync();
    const robber = threads.claim(thread, true);
    region.atomics.store32(cell, robber);
    assert.equal(guard.held, false);
    assert.throws(() => guard.release(), LockLostError);
    guard[Symbol.dispose]();
    assert.equal(region.atomics.load32(cell), robber, "the old guard has released it");
    region.atomics.store32(cell, 0);
    semaphore.waitSync();
    region.atomics.store32(cell, robber);
    assert.throws(() => semaphore.post(), LockLostError);
    assert.equal(region.atomics.load32(cell), robber);
    region.atomics.store32(cell, 0);
  });

  itInBoth("keeps its memory open while permits are held", (memory, again) => {
    const opened = again();
    const semaphore = new Semaphore(opened, 0, THREE);
    semaphore.waitSync();
    const guard = semaphore.acquireSync();
    for (const end of [() => semaphore.post(), () => guard.release()]) {
      assert.throws(() => opened.close(), /holds 1 of its locks/);
      end();
    }
    opened.close();
    assertFree(new Semaphore(memory, 0, THREE));
  });

  it("keeps its memory open if it was collected while it was held", async () => {
    const memory = Memory.anonymous(1);
    let ref: WeakRef<Semaphore> | undefined;
    (() => {
      const semaphore = new Semaphore(memory, 0, THREE);
      semaphore.waitSync();
      ref = new WeakRef(semaphore);
    })();
    await collected(() => ref!.deref() === undefined);
    assert.throws(() => memory.close(), /holds 1 of its locks/);
  });

  itInBoth(
    "rejects everything after the close of its memory, waits included",
    async (memory, again) => {
      const opened = again();
      const semaphore = new Semaphore(opened, 0, THREE);
      const guard = new Semaphore(memory, 0, THREE).acquireSync({ permits: 3 });
      const waiting = assert.rejects(semaphore.acquire(), TypeError);
      opened.close();
      await waiting;
      assert.throws(() => semaphore.waitSync(), TypeError);
      assert.throws(() => semaphore.tryAcquire(), TypeError);
      assert.throws(() => semaphore.available, TypeError);
      await assert.rejects(semaphore.acquire(), TypeError);
      guard.release();
    },
  );
});
