import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { FileLock } from "../../../mod.ts";
import { O_DIRECTORY, O_RDONLY } from "../../../src/runtime/c/constants.ts";
import { openLockFile } from "../../../src/runtime/file_locks/open_lock_file.ts";
import { closeFile, openFile, openRegularFile } from "../../../src/runtime/mod.ts";
import { kernelWaiters } from "../../support/kernel_waiters.ts";
import { openFiles } from "../../support/open_files.ts";
import { inScratchFolder } from "../../support/scratch_folder.ts";
import { until } from "../../support/until.ts";

/** Whether flock(1) can lock the file. */
const isFree = (path: string) => spawnSync("flock", ["-n", path, "true"]).status === 0;

/** Gives `body` a file that is open. */
function withOpen(body: (fd: number, path: string) => void | Promise<void>): Promise<void> {
  return inScratchFolder(async (folder) => {
    const path = join(folder, "file");
    writeFileSync(path, "contents");
    const fd = openRegularFile(path);
    try {
      await body(fd, path);
    } finally {
      closeFile(fd);
      assert.deepEqual(openFiles(path), []);
    }
  });
}

describe("FileLock.ofDescriptor", { timeout: 60_000 }, () => {
  it("locks the open file for all others, and leaves the descriptor open", () =>
    withOpen((fd, path) => {
      using byPath = new FileLock(path);
      const lock = FileLock.ofDescriptor(fd);
      assert.equal(lock.path, `descriptor ${fd}`);
      assert.equal(lock.capabilities.waiting, "polled");
      const guard = lock.acquireSync();
      assert.equal(guard.token, undefined);
      assert.equal(byPath.tryAcquire(), undefined);
      assert.equal(isFree(path), false);
      guard.release();
      assert.equal(isFree(path), true);
      const held = byPath.acquireSync();
      assert.equal(lock.tryAcquire(), undefined);
      assert.throws(() => lock.acquireSync(), { name: "DeadlockError" });
      assert.throws(() => lock.acquireSync({ timeout: 0 }), { name: "TimeoutError" });
      held.release();
      lock.lock();
      lock.close();
      assert.equal(isFree(path), true);
      assert.equal(openFiles(path).length, 2); // That of the caller, and that of the other lock.
    }));

  it("shares and changes its mode, and runs functions", () =>
    withOpen(async (fd, path) => {
      using lock = FileLock.ofDescriptor(fd, { shared: true, reentrant: true });
      using byPath = new FileLock(path, { shared: true });
      using guard = await lock.acquire();
      using again = lock.acquireSync();
      assert.equal(guard.shared && again.shared, true);
      byPath.acquireSync().release();
      assert.equal(guard.upgradeSync(), true);
      assert.equal(byPath.tryAcquire(), undefined);
      guard.downgrade();
      byPath.acquireSync().release();
      assert.equal(lock.runSync(() => lock.mode), "shared");
    }));

  it("keeps the lock if the caller closes the descriptor, or drops another copy", () =>
    inScratchFolder((folder) => {
      const path = join(folder, "file");
      const fd = openRegularFile(path);
      const lock = FileLock.ofDescriptor(fd);
      const other = FileLock.ofDescriptor(fd);
      closeFile(fd);
      lock.lock();
      other.close();
      assert.equal(isFree(path), false);
      lock.close();
      assert.equal(isFree(path), true);
    }));

  it("waits without blocking the thread, beside locks by the path", () =>
    withOpen(async (fd, path) => {
      using lock = FileLock.ofDescriptor(fd);
      using byPath = new FileLock(path);
      using holder = new FileLock(path);
      for (const order of [[lock, byPath], [byPath, lock]]) {
        const held = holder.acquireSync();
        const events: string[] = [];
        const given = assert.rejects(lock.acquire({ timeout: 10 }), { name: "TimeoutError" });
        const ends = order.map(async (one) => {
          using _guard = await one.acquire();
          events.push(one.path);
          assert.equal(isFree(path), false);
          assert.equal(order.filter(({ mode }) => mode !== undefined).length, 1);
        });
        await given;
        assert.deepEqual(events, []);
        held.release();
        await Promise.all(ends);
        assert.deepEqual(events, order.map(({ path }) => path));
        assert.equal(isFree(path), true);
      }
      const held = holder.acquireSync();
      const closed = assert.rejects(lock.acquire(), TypeError);
      lock.close();
      await closed;
      held.release();
    }));

  it("gets no other open file from a waiter that gave up in front of it", () =>
    withOpen(async (fd, path) => {
      using lock = FileLock.ofDescriptor(fd);
      using twin = FileLock.ofDescriptor(fd);
      using byPath = new FileLock(path);
      // In place of another process: the locks of one thread know each other.
      const other = openLockFile(path);
      other.tryLock(false);
      const controller = new AbortController();
      const first = assert.rejects(
        byPath.acquire({ signal: controller.signal }),
        (error) => error === "enough",
      );
      const next = lock.acquire();
      await until("the wait in the kernel", () => kernelWaiters(path) === 1);
      controller.abort("enough");
      await first;
      other.close();
      using _guard = await next;
      assert.equal(isFree(path), false);
      assert.ok(twin.tryAcquire()); // The lock of the same open file.
    }));

  it("locks a folder", () =>
    inScratchFolder((folder) => {
      const fd = openFile(folder, O_RDONLY | O_DIRECTORY);
      using lock = FileLock.ofDescriptor(fd);
      closeFile(fd);
      using _guard = lock.acquireSync();
      assert.equal(isFree(folder), false);
    }));

  it("refuses what is no open descriptor", () => {
    for (const wrong of [-1, 1.5, "9", undefined, 2 ** 31, NaN]) {
      assert.throws(() => FileLock.ofDescriptor(wrong as number), {
        name: "TypeError",
        message: /^Cannot make a file lock: a descriptor must be a whole number from 0/,
      });
    }
    assert.throws(() => FileLock.ofDescriptor(99_999), {
      code: "EBADF",
      message: 'Cannot lock "descriptor 99999": it is not open (EBADF)',
    });
  });
});
