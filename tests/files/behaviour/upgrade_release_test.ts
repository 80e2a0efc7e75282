import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { FileLock, type FileLockOptions, LockLostError, withLock } from "../../../mod.ts";
import { lookingSignal } from "../../support/looking_signal.ts";
import { inScratchFolder } from "../../support/scratch_folder.ts";

/** Gives `body` two locks of one file. */
function withLocks(
  options: FileLockOptions,
  body: (lock: FileLock, other: FileLock) => Promise<void>,
): Promise<void> {
  return inScratchFolder(async (folder) => {
    const path = join(folder, "lock");
    using lock = new FileLock(path, options);
    using other = new FileLock(path);
    await body(lock, other);
  });
}

const RELEASED = (error: unknown) =>
  error instanceof LockLostError && /released meanwhile/.test(String(error.cause ?? error));

/** Checks that a lock is free, now and later, for itself and for another one. */
async function assertFree(lock: FileLock, other: FileLock): Promise<void> {
  for (let i = 0; i < 2; i++) {
    assert.equal(lock.mode, undefined);
    for (const each of [other, lock]) {
      const guard = each.tryAcquire();
      assert.ok(guard, "it is held");
      guard.release();
    }
    await sleep(20);
  }
}

describe("The release of a FileLock's guard whose upgrade waits", () => {
  for (const range of [undefined, { start: 1, length: 2 }]) {
    const kind = range === undefined ? "a whole file" : "a range";
    it(`ends the upgrade of ${kind}, and leaves the lock free`, () =>
      withLocks({ range }, async (lock) => {
        using other = new FileLock(lock.path, { range });
        const held = other.acquireSync({ shared: true });
        const guard = lock.acquireSync({ shared: true });
        const upgrade = guard.upgrade();
        guard.release();
        await assert.rejects(upgrade, RELEASED);
        assert.equal(guard.held, false);
        assert.throws(() => guard.release(), /twice/);
        held.release();
        await assertFree(lock, other);
      }));
  }

  it("is made by the end of its block, without an error", () =>
    withLocks({}, async (lock, other) => {
      const held = other.acquireSync({ shared: true });
      let upgrade: Promise<boolean>;
      {
        using guard = lock.acquireSync({ shared: true });
        upgrade = guard.upgrade();
      }
      await assert.rejects(upgrade, RELEASED);
      held.release();
      await assertFree(lock, other);
    }));

  it("is made by withLock, which throws what its body throws", () =>
    withLocks({}, async (lock, other) => {
      const held = other.acquireSync({ shared: true });
      const slow = new Error("too slow");
      await assert.rejects(
        withLock(
          lock,
          (guard) => Promise.race([guard.upgrade(), sleep(5).then(() => Promise.reject(slow))]),
          { shared: true },
        ),
        slow,
      );
      held.release();
      await assertFree(lock, other);
    }));

  for (const first of ["the guard", "the other lock"]) {
    it(`leaves it free if ${first} is released first, in the moment of the grant`, () =>
      withLocks({}, async (lock, other) => {
        for (let microtasks = 0; microtasks < 6; microtasks++) {
          const held = other.acquireSync({ shared: true });
          const guard = lock.acquireSync({ shared: true });
          const upgrade = guard.upgrade().then(() => {}, (error) => assert.ok(RELEASED(error)));
          await sleep(2);
          if (first === "the guard") guard.release();
          held.release();
          for (let i = 0; i < microtasks; i++) await undefined;
          guard[Symbol.dispose]();
          await upgrade;
          await assertFree(lock, other);
        }
      }));
  }

  it("leaves the other guards of a reentrant lock their upgrade", () =>
    withLocks({ reentrant: true }, async (lock, other) => {
      const held = other.acquireSync({ shared: true });
      const [first, second] = [
        lock.acquireSync({ shared: true }),
        lock.acquireSync({ shared: true }),
      ];
      const upgrade = first.upgrade();
      first.release();
      held.release();
      await assert.rejects(upgrade, RELEASED);
      assert.deepEqual([second.held, second.shared, lock.mode], [true, false, "exclusive"]);
      assert.equal(typeof second.token, "number");
      second.release();
      await assertFree(lock, other);
    }));

  it("ends it once all guards of a reentrant lock are released", () =>
    withLocks({ reentrant: true }, async (lock, other) => {
      const held = other.acquireSync({ shared: true });
      const guards = [lock.acquireSync({ shared: true }), lock.acquireSync({ shared: true })];
      const upgrade = guards[0].upgrade();
      for (const guard of guards) guard.release();
      await assert.rejects(upgrade, RELEASED);
      held.release();
      await assertFree(lock, other);
    }));

  it("ends a blocking upgrade", () =>
    withLocks({}, async (lock, other) => {
      const held = other.acquireSync({ shared: true });
      const guard = lock.acquireSync({ shared: true });
      const signal = lookingSignal((look) => {
        if (look === 2) {
          guard.release();
          held.release();
        }
      });
      assert.throws(() => guard.upgradeSync({ signal }), RELEASED);
      await assertFree(lock, other);
    }));

  it("does nothing to a later hold of the same lock", () =>
    withLocks({}, async (lock, other) => {
      const held = other.acquireSync({ shared: true });
      const guard = lock.acquireSync({ shared: true });
      const upgrade = guard.upgrade();
      guard.release();
      held.release();
      const next = lock.acquireSync();
      await assert.rejects(upgrade, RELEASED);
      assert.deepEqual([next.held, guard.token], [true, undefined]);
      next.release();
      await assertFree(lock, other);
    }));

  it("lets a wait for the same lock go on", () =>
    withLocks({}, async (lock, other) => {
      const held = other.acquireSync({ shared: true });
      const guard = lock.acquireSync({ shared: true });
      const upgrade = guard.upgrade();
      const wait = lock.acquire();
      guard.release();
      await assert.rejects(upgrade, RELEASED);
      held.release();
      (await wait).release();
      await assertFree(lock, other);
    }));
});
