import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { DeadlockError, FileLock, type FileLockOptions } from "../../../mod.ts";
import { inScratchFolder } from "../../support/scratch_folder.ts";

/** Gives `body` two locks of one file. */
function withLocks(
  options: FileLockOptions,
  body: (lock: FileLock, other: FileLock, path: string) => void | Promise<void>,
): Promise<void> {
  return inScratchFolder(async (folder) => {
    const path = join(folder, "lock");
    using lock = new FileLock(path, options);
    using other = new FileLock(path);
    await body(lock, other, path);
  });
}

describe("FileLock.runSync", () => {
  it("runs inside the lock, and gives the result", () =>
    withLocks({}, (lock, other) => {
      const result = lock.runSync(() => {
        assert.equal(lock.mode, "exclusive");
        assert.equal(other.tryAcquire(), undefined);
        return [1, 2];
      });
      assert.deepEqual(result, [1, 2]);
      assert.equal(lock.mode, undefined);
      assert.ok(other.tryAcquire());
    }));

  it("makes no record", () =>
    withLocks({}, (lock, _, path) => {
      lock.runSync(() => {});
      lock.runSync(() => {}, { timeout: 1000 });
      assert.equal(readFileSync(path, "utf8"), "");
    }));

  it("releases the lock if the body throws", () =>
    withLocks({}, (lock, other) => {
      const error = new Error("mine");
      assert.throws(() =>
        lock.runSync(() => {
          throw error;
        }), error);
      assert.ok(other.tryAcquire());
    }));

  it("refuses a promise, and releases the lock", () =>
    withLocks({}, async (lock, other, path) => {
      const promises = [
        async () => {
          await undefined;
          throw new Error("a rejection that must not be reported as unhandled");
        },
        () => ({ then: () => {} }),
      ];
      for (const body of promises) {
        assert.throws(
          () => lock.runSync(body),
          (error) => error instanceof TypeError && error.message.includes(path),
        );
        assert.equal(lock.mode, undefined);
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
      assert.ok(other.tryAcquire());
    }));

  it("is a DeadlockError if the thread holds the lock already", () =>
    withLocks({}, (lock, other) => {
      const guard = lock.acquireSync();
      assert.throws(() => lock.runSync(() => assert.fail("it ran")), DeadlockError);
      assert.throws(() => other.runSync(() => assert.fail("it ran")), DeadlockError);
      assert.equal(guard.held, true);
      guard.release();
      lock.runSync(() => assert.throws(() => lock.runSync(() => {}), DeadlockError));
      assert.equal(lock.mode, undefined);
    }));

  it("waits and shares by its options", () =>
    withLocks({}, (lock, other) => {
      using guard = other.acquireSync({ shared: true });
      assert.equal(lock.runSync(() => lock.mode, { shared: true }), "shared");
      assert.throws(() => lock.runSync(() => {}, { timeout: 1 }), { name: "TimeoutError" });
      const reason = new Error("enough");
      assert.throws(() => lock.runSync(() => {}, { signal: AbortSignal.abort(reason) }), reason);
      assert.equal(lock.mode, undefined);
      assert.equal(guard.held, true);
    }));

  it("shares by the default of the lock", () =>
    withLocks({ shared: true }, (lock) => {
      assert.equal(lock.runSync(() => lock.mode), "shared");
      assert.equal(lock.runSync(() => lock.mode, { shared: false }), "exclusive");
    }));

  it("may be called again inside if the lock is reentrant", () =>
    withLocks({ reentrant: true }, (lock, other) => {
      lock.runSync(() => {
        lock.runSync(() => lock.lock());
        const guard = lock.acquireSync();
        assert.throws(() => guard.downgrade(), /lock\(\) or runSync\(\) holds it, too/);
        lock.unlock();
        assert.throws(() => guard.downgrade(), /lock\(\) or runSync\(\) holds it, too/);
        guard.release();
        assert.equal(other.tryAcquire(), undefined);
      });
      assert.ok(other.tryAcquire());
    }));

  it("may close the lock inside", () =>
    withLocks({}, (lock, other) => {
      assert.equal(
        lock.runSync(() => {
          lock.close();
          return 5;
        }),
        5,
      );
      assert.ok(other.tryAcquire());
      assert.throws(() => lock.runSync(() => {}), /was closed/);
    }));
});
