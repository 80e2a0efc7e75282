import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it } from "node:test";
import { FileLock, type FileLockOptions, LockLostError } from "../../mod.ts";
import { inScratchFolder } from "../support/scratch_folder.ts";

/** Gives `body` two locks of one file. */
function withLocks(
  options: FileLockOptions,
  body: (lock: FileLock, other: FileLock) => void | Promise<void>,
): Promise<void> {
  return inScratchFolder(async (folder) => {
    const path = join(folder, "lock");
    using lock = new FileLock(path, options);
    using other = new FileLock(path);
    await body(lock, other);
  });
}

describe("The guard of a FileLock", () => {
  it("cannot be constructed by a program", () =>
    withLocks({}, (lock) => {
      using guard = lock.acquireSync();
      assert.equal(guard.constructor, Object);
      let parent: object = Object.getPrototypeOf(guard);
      for (; parent !== Object.prototype; parent = Object.getPrototypeOf(parent)) {
        assert.equal(Object.hasOwn(parent, "constructor"), false);
      }
    }));

  it("is the only way to what its lock keeps for guards", () =>
    withLocks({}, (lock) => {
      assert.deepEqual(Object.getOwnPropertySymbols(FileLock.prototype), [Symbol.dispose]);
      using guard = lock.acquireSync();
      for (const value of [lock, guard]) {
        const own = Reflect.ownKeys(value).map((key) => Reflect.get(value, key));
        assert.deepEqual(own.filter((field) => typeof field === "object"), []);
      }
    }));

  it("says whether it shares the lock", () =>
    withLocks({}, (lock) => {
      const guard = lock.acquireSync();
      assert.equal(guard.shared, false);
      guard.downgrade();
      assert.equal(guard.shared, true);
      guard.release();
      assert.equal(guard.shared, false);
      using _shared = lock.acquireSync({ shared: true });
      assert.equal(guard.shared, false, "a guard of an earlier hold");
    }));

  it("does not change the mode after its release, nor that of another guard", () =>
    withLocks({}, async (lock) => {
      const old = lock.acquireSync({ shared: true });
      old.release();
      assert.throws(() => old.upgradeSync(), /does not hold it: it was released/);
      using guard = lock.acquireSync({ shared: true });
      assert.throws(() => old.upgradeSync(), /does not hold it/);
      await assert.rejects(old.upgrade(), /does not hold it/);
      assert.throws(() => old.downgrade(), /does not hold it/);
      assert.equal(guard.shared, true);
    }));
});

describe("The guards of one hold of a reentrant FileLock", () => {
  it("have a token and name their owner inside lock() and runSync(), too", () =>
    withLocks({ reentrant: true, label: "mine" }, async (lock, other) => {
      lock.lock();
      assert.equal(other.owner()?.label, undefined);
      const first = lock.acquireSync();
      const second = await lock.acquire();
      assert.equal(typeof first.token, "number");
      assert.deepEqual([second.token, other.owner()?.label], [first.token, "mine"]);
      first.release();
      second.release();
      const third = lock.tryAcquire();
      assert.equal(third?.token, first.token);
      lock.unlock();
      third!.release();
      assert.equal(other.owner(), undefined);
      const last = lock.runSync(() => {
        using guard = lock.acquireSync();
        return guard.token;
      });
      assert.ok(last! > first.token!);
      assert.deepEqual([lock.mode, other.owner()], [undefined, undefined]);
      lock.runSync(() => {
        using guard = lock.acquireSync({ shared: true });
        assert.equal(guard.shared, false);
      }, { shared: false });
      using shared = lock.acquireSync({ shared: true });
      using inner = lock.acquireSync({ shared: true });
      assert.deepEqual([shared.token, inner.token], [undefined, undefined]);
    }));

  it("change their mode together", () =>
    withLocks({ reentrant: true }, async (lock, other) => {
      const guards = [1, 2, 3].map(() => lock.acquireSync());
      guards[1].downgrade();
      assert.deepEqual(
        guards.map(({ shared, held }) => [shared, held]),
        Array(3).fill([true, true]),
      );
      const sharer = other.acquireSync({ shared: true });
      const upgrade = guards[2].upgrade();
      assert.deepEqual(guards.map(({ held }) => held), [false, false, false]);
      sharer.release();
      assert.equal(await upgrade, false);
      assert.deepEqual(
        guards.map(({ shared, held }) => [shared, held]),
        Array(3).fill([false, true]),
      );
      for (const guard of guards) {
        assert.equal(other.tryAcquire(), undefined);
        guard.release();
      }
      assert.ok(other.tryAcquire());
    }));

  it("are lost together if an upgrade fails", () =>
    withLocks({ reentrant: true }, (lock, other) => {
      const guards = [1, 2].map(() => lock.acquireSync({ shared: true }));
      using _sharer = other.acquireSync({ shared: true });
      assert.throws(() => guards[0].upgradeSync({ timeout: 0 }), LockLostError);
      for (const guard of guards) {
        assert.equal(guard.held, false);
        assert.throws(() => guard.release(), /mode could not be changed/);
      }
      assert.equal(lock.mode, undefined);
    }));

  it("keep their mode while a hold without a guard needs it", () =>
    withLocks({ reentrant: true }, (lock) => {
      using guard = lock.acquireSync();
      lock.lock();
      assert.throws(() => guard.downgrade(), /lock\(\) or runSync\(\) holds it, too/);
      assert.equal(guard.shared, false);
      lock.unlock();
      guard.downgrade();
      lock.runSync(() => {
        assert.throws(() => guard.upgradeSync(), /lock\(\) or runSync\(\) holds it, too/);
      }, { shared: true });
      assert.equal(guard.upgradeSync(), true);
    }));
});
