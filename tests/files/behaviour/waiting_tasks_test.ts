import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { FileLock, type Guard } from "../../../mod.ts";
import { openLockFile } from "../../../src/runtime/file_locks/open_lock_file.ts";
import { kernelWaiters } from "../../support/kernel_waiters.ts";
import { inScratchFolder } from "../../support/scratch_folder.ts";
import { until } from "../../support/until.ts";

const DEADLINE = { timeout: 60_000 };

/** Holds a lock as another process would: the locks of one thread know each other. */
function holdElsewhere(path: string): { release(): void } {
  const file = openLockFile(path);
  file.tryLock(false);
  return { release: () => file.close() };
}

describe("Tasks that wait for the same FileLock", () => {
  for (const shared of [false, true]) {
    const mode = shared ? "shared" : "exclusive";
    it(
      `acquire the new file one after the other if theirs is removed: ${mode}`,
      DEADLINE,
      () =>
        inScratchFolder(async (folder) => {
          const path = join(folder, "lock");
          using lock = new FileLock(path);
          using other = new FileLock(path);
          const held = holdElsewhere(path);
          let inside = 0;
          const task = async () => {
            using _guard = await lock.acquire({ shared });
            assert.equal(++inside, 1);
            assert.equal(other.tryAcquire(), undefined, "the file at the path is not locked");
            await sleep(5);
            inside--;
          };
          const tasks = [task(), task(), task()];
          await until("the first to wait", () => kernelWaiters(path) === 1);
          rmSync(path);
          held.release();
          await Promise.all(tasks);
          assert.equal(lock.mode, undefined);
          other.acquireSync().release();
        }),
    );
  }

  it(
    "are rejected when it is closed, also if their file was removed",
    DEADLINE,
    () =>
      inScratchFolder(async (folder) => {
        const path = join(folder, "lock");
        using other = new FileLock(path);
        const lock = new FileLock(path);
        const held = holdElsewhere(path);
        const tasks = [lock.acquire(), lock.acquire()];
        await until("the first to wait", () => kernelWaiters(path) === 1);
        rmSync(path);
        held.release();
        await Promise.race(tasks);
        lock.close();
        const ends = await Promise.allSettled(tasks);
        const [failure, ...more] = ends.filter((end) => end.status === "rejected");
        assert.match(String(failure.reason), /it was closed meanwhile/);
        assert.deepEqual(more, []);
        other.acquireSync().release();
      }),
  );

  it(
    "are not granted the lock while it changes its mode",
    DEADLINE,
    () =>
      inScratchFolder(async (folder) => {
        for (const change of ["upgradeSync", "downgrade"] as const) {
          using lock = new FileLock(join(folder, "lock"));
          const first = lock.acquireSync({ shared: change === "upgradeSync" });
          let second: Guard | undefined;
          const task = lock.acquire().then((guard) => second = guard);
          first[change]();
          await sleep(20);
          assert.equal(second, undefined, change);
          assert.ok(first.held);
          first.release();
          assert.ok((await task).held);
        }
      }),
  );

  it(
    "keep the lock that is on its way to them",
    DEADLINE,
    () =>
      inScratchFolder(async (folder) => {
        const path = join(folder, "lock");
        using holder = new FileLock(path);
        using lock = new FileLock(path, { reentrant: true });
        using other = new FileLock(path);
        let task: Promise<Guard>;
        for (;;) {
          const held = holder.acquireSync();
          const start = performance.now();
          task = lock.acquire();
          held.release(); // Grants the lock to the task, which runs later,
          if (performance.now() - start < 5) break;
          (await task).release(); // unless it is the turn of other threads, on a busy machine.
        }
        assert.equal(lock.tryAcquire(), undefined);
        assert.throws(() => lock.acquireSync(), { name: "DeadlockError" });
        const guard = await task;
        assert.equal(other.tryAcquire(), undefined);
        assert.ok(lock.tryAcquire()?.held, "the holder cannot acquire it again");
        assert.ok(guard.held);
      }),
  );
});
