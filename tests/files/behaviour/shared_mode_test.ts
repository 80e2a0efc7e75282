import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it } from "node:test";
import {
  DeadlockError,
  FileLock,
  type FileLockOptions,
  locked,
  LockLostError,
  Segment,
  withLock,
} from "../../../mod.ts";
import { inScratchFolder } from "../../support/scratch_folder.ts";

/** Gives `body` so many locks of a new file. */
function withLocks(
  count: number,
  options: FileLockOptions,
  body: (locks: FileLock[], path: string) => void | Promise<void>,
): Promise<void> {
  return inScratchFolder(async (folder) => {
    const path = join(folder, "lock");
    const locks = Array.from({ length: count }, () => new FileLock(path, options));
    try {
      await body(locks, path);
    } finally {
      for (const lock of locks) lock.close();
    }
  });
}

for (const range of [undefined, { start: 3, length: 5 }]) {
  const options: FileLockOptions = range === undefined ? {} : { range };
  describe(`FileLock of ${range === undefined ? "a whole file" : "a range"}`, () => {
    it("is held by shared holders together, and by no other", () =>
      withLocks(3, options, ([a, b, c]) => {
        const first = a.acquireSync({ shared: true });
        const second = b.tryAcquire({ shared: true });
        assert.ok(second);
        assert.deepEqual([a.mode, b.mode, c.mode], ["shared", "shared", undefined]);
        assert.equal(c.tryAcquire(), undefined);
        first.release();
        assert.equal(c.tryAcquire(), undefined);
        second.release();
        const alone = c.tryAcquire();
        assert.ok(alone);
        assert.equal(c.mode, "exclusive");
        assert.equal(a.tryAcquire({ shared: true }), undefined);
        alone.release();
        assert.ok(a.tryAcquire({ shared: true }));
      }));

    it("is shared or not by the default that it was made with", () =>
      withLocks(2, { ...options, shared: true }, ([a, b]) => {
        a.acquireSync();
        const guard = b.tryAcquire();
        assert.ok(guard);
        guard.release();
        assert.equal(b.tryAcquire({ shared: false }), undefined);
      }));

    it("is shared by withLock and locked with the option", () =>
      withLocks(2, options, async ([a, b]) => {
        const share = locked(b, { shared: true, timeout: 0 });
        const take = locked(b, { timeout: 0 });
        const modes = await withLock(a, async (guard) => {
          assert.equal(guard.held, true);
          await assert.rejects(take(() => {})(), { name: "TimeoutError" });
          return [a.mode, await share((more: string) => b.mode + more)("!")];
        }, { shared: true });
        assert.deepEqual(modes, ["shared", "shared!"]);
        assert.equal(await take(() => b.mode)(), "exclusive");
        // @ts-expect-error: a file lock has no such option.
        const misspelt: unknown = await withLock(a, () => a.mode, { shard: true });
        assert.equal(misspelt, "exclusive");
        const mutex = Segment.anonymous(65536).mutex("a");
        // @ts-expect-error: a mutex cannot be shared.
        assert.ok(await withLock(mutex, ({ token }) => token.toFixed(), { shared: true }));
      }));

    it("becomes shared without a gap", () =>
      withLocks(3, options, ([a, b, c]) => {
        const guard = a.acquireSync();
        assert.equal(b.tryAcquire({ shared: true }), undefined);
        guard.downgrade();
        assert.deepEqual([a.mode, guard.shared, guard.held], ["shared", true, true]);
        assert.ok(b.tryAcquire({ shared: true }));
        assert.equal(c.tryAcquire(), undefined);
        assert.throws(() => guard.downgrade(), /holds it shared already/);
        guard.release();
        assert.deepEqual([a.mode, guard.shared], [undefined, false]);
        assert.throws(() => guard.downgrade(), /does not hold it/);
      }));

    it("becomes exclusive without a gap if no other holder shares it", async () => {
      await withLocks(2, options, async ([a, b]) => {
        const guard = a.acquireSync({ shared: true });
        assert.equal(guard.upgradeSync(), true);
        assert.deepEqual([a.mode, guard.shared, guard.held], ["exclusive", false, true]);
        assert.throws(() => guard.upgradeSync(), /holds it exclusive already/);
        assert.equal(b.tryAcquire({ shared: true }), undefined);
        guard.downgrade();
        assert.equal(await guard.upgrade(), true);
        guard.release();
        assert.throws(() => guard.upgradeSync(), /does not hold it/);
        await assert.rejects(guard.upgrade(), /does not hold it/);
        assert.ok(b.tryAcquire());
      });
    });

    it("reports that it was given up to become exclusive", () =>
      withLocks(2, options, async ([a, b]) => {
        const [first, second] = [a, b].map((lock) => lock.acquireSync({ shared: true }));
        const upgrade = first.upgrade();
        assert.equal(a.mode, undefined);
        assert.throws(() => first.upgradeSync(), /its upgrade waits/);
        assert.throws(() => first.downgrade(), /its upgrade waits/);
        assert.equal(first.held, false);
        second.release();
        assert.equal(await upgrade, false);
        assert.equal(first.held, true);
        assert.equal(a.mode, "exclusive");
        assert.equal(b.tryAcquire({ shared: true }), undefined);
        first.release();
        assert.ok(b.tryAcquire());
      }));

    it("is lost if the wait to become exclusive fails", () =>
      withLocks(3, options, async ([a, b, c]) => {
        const first = a.acquireSync({ shared: true });
        b.acquireSync({ shared: true });
        assert.throws(
          () => first.upgradeSync({ timeout: 1 }),
          (error) =>
            error instanceof LockLostError && (error.cause as Error).name === "TimeoutError",
        );
        assert.equal(a.mode, undefined);
        const guard = a.acquireSync({ shared: true });
        const controller = new AbortController();
        const reason = new Error("enough");
        const upgrade = guard.upgrade({ signal: controller.signal });
        controller.abort(reason);
        await assert.rejects(
          upgrade,
          (error) => error instanceof LockLostError && error.cause === reason,
        );
        assert.throws(() => guard.release());
        assert.equal(c.tryAcquire(), undefined, "the other holder lost its share");
        const next = a.acquireSync({ shared: true });
        assert.throws(() => guard.release(), Error, "an old guard frees a new hold");
        next.release();
      }));

    it("is acquired again by its holder if it is reentrant", () =>
      withLocks(2, { ...options, reentrant: true }, async ([a, b]) => {
        const outer = a.acquireSync();
        const inner = [a.acquireSync(), a.tryAcquire(), await a.acquire({ shared: true })];
        a.lock();
        assert.equal(new Set([outer.token, ...inner.map((guard) => guard!.token)]).size, 1);
        outer.release();
        assert.throws(() => outer.release(), /twice/);
        for (const guard of inner) {
          assert.equal(b.tryAcquire(), undefined);
          guard!.release();
        }
        assert.equal(b.tryAcquire(), undefined);
        a.unlock();
        assert.throws(() => a.unlock(), Error);
        assert.ok(b.tryAcquire());
      }));

    it("is not acquired exclusively by a sharer, even if it is reentrant", () =>
      withLocks(1, { ...options, reentrant: true }, ([a]) => {
        a.acquireSync({ shared: true });
        assert.ok(a.tryAcquire({ shared: true }));
        assert.equal(a.tryAcquire(), undefined);
        assert.throws(() => a.acquireSync(), DeadlockError);
        assert.throws(() => a.lock(), DeadlockError);
      }));

    it("refuses an endless wait for another lock of the same thread", () =>
      withLocks(2, options, ([a, b]) => {
        const guard = a.acquireSync({ shared: true });
        assert.throws(() => b.acquireSync(), DeadlockError);
        assert.throws(() => b.lock(), DeadlockError);
        assert.throws(() => b.acquireSync({ timeout: 1 }), { name: "TimeoutError" });
        guard.release();
        a.lock();
        assert.throws(() => b.acquireSync({ shared: true }), DeadlockError);
        a.unlock();
        b.acquireSync().release();
      }));
  });
}

describe("FileLock of ranges", () => {
  it("exclude each other only if they overlap", () =>
    inScratchFolder((folder) => {
      const path = join(folder, "lock");
      const lockOf = (start: number, length: number) =>
        new FileLock(path, { range: { start, length } });
      using first = lockOf(10, 10);
      first.lock();
      const cases: [number, number, boolean][] = [
        [0, 10, true],
        [0, 11, false],
        [19, 1, false],
        [20, 5, true],
        [0, 0, false],
        [20, 0, true],
        [Number.MAX_SAFE_INTEGER, 1, true],
      ];
      for (const [start, length, free] of cases) {
        using lock = lockOf(start, length);
        assert.equal(lock.tryAcquire() !== undefined, free, `${start}, ${length}`);
        assert.equal(lock.capabilities.mechanism, "ofd-range");
      }
      using whole = new FileLock(path);
      assert.ok(whole.tryAcquire(), "a range and a whole file are different locks");
    }));

  it("must be two whole numbers", () =>
    inScratchFolder((folder) => {
      const wrong = [{ start: -1, length: 1 }, { start: 0, length: 0.5 }, { start: 0 }, {}];
      for (const range of wrong as { start: number; length: number }[]) {
        assert.throws(() => new FileLock(join(folder, "lock"), { range }), RangeError);
      }
      for (const options of [{ shared: 1 }, { reentrant: "yes" }, { record: null }]) {
        const given = options as unknown as FileLockOptions;
        assert.throws(() => new FileLock(join(folder, "lock"), given), TypeError);
      }
    }));
});
