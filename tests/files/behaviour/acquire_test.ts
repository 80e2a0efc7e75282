import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { describe, it } from "node:test";
import { FileLock, type Guard, locked, withLock } from "../../../mod.ts";
import { Child } from "../../support/child.ts";
import { kernelWaiters } from "../../support/kernel_waiters.ts";
import { LATE, lateness, LOOKS } from "../../support/lateness.ts";
import { inScratchFolder } from "../../support/scratch_folder.ts";
import { until } from "../../support/until.ts";

const DEADLINE = { timeout: 60_000 };
const HOLDER = new URL("../fixtures/holding_process.ts", import.meta.url);
const HOLDER_OF_MANY = new URL("../fixtures/holding_many_process.ts", import.meta.url);
const OWN_WAITER = new URL("../fixtures/own_thread_wait_process.ts", import.meta.url);
const ACQUIRER = new URL("../fixtures/acquiring_process.ts", import.meta.url);

function withTwo(body: (a: FileLock, b: FileLock) => void | Promise<void>): Promise<void> {
  return inScratchFolder(async (folder) => {
    using a = new FileLock(join(folder, "lock"));
    using b = new FileLock(join(folder, "lock"));
    await body(a, b);
  });
}

/** Runs `body` with a lock that another process holds. */
function withHeld(
  body: (lock: FileLock, holder: Child, folder: string) => Promise<void>,
): Promise<void> {
  return inScratchFolder(async (folder) => {
    const path = join(folder, "lock");
    using lock = new FileLock(path);
    await using holder = Child.here(HOLDER, path);
    assert.equal(await holder.line(), "held");
    await body(lock, holder, folder);
  });
}

/** Resolves when one thread waits in the kernel for a file of the folder. */
const oneWaits = (folder: string) => until("waits in the kernel", () => kernelWaits(folder) === 1);

/** How many threads wait in the kernel for files of a folder. */
const kernelWaits = (folder: string) =>
  kernelWaiters(...readdirSync(folder).map((name) => join(folder, name)));

/** Whether this process holds the lock on a file, by the kernel's list. */
function isHeldHere(path: string): boolean {
  const inode = `${statSync(path).ino}`;
  return readFileSync("/proc/locks", "utf8").split("\n").map((line) => line.split(/\s+/))
    .some(([, kind, , , pid, file]) =>
      kind === "FLOCK" && Number(pid) === process.pid && file.split(":")[2] === inode
    );
}

describe("FileLock.acquire", () => {
  it("acquires a free lock, which then excludes others", () =>
    withTwo(async (a, b) => {
      const guard = await a.acquire();
      assert.equal(b.tryAcquire(), undefined);
      guard.release();
      assert.ok(b.tryAcquire());
    }));

  it("is granted in the order of the calls in one thread, also across objects", () =>
    withTwo(async (a, b) => {
      const order: number[] = [];
      const first = await a.acquire();
      const waits = [a, b, a, b, b].map(async (lock, i) => {
        using _guard = await lock.acquire();
        order.push(i);
        await Promise.resolve();
        assert.equal(order.at(-1), i, "another task entered");
      });
      assert.deepEqual(order, []);
      first.release();
      await Promise.all(waits);
      assert.deepEqual(order, [0, 1, 2, 3, 4]);
    }));

  it("is granted to all that share it together", () =>
    withTwo(async (a, b) => {
      const guard = await a.acquire();
      const waits = [a.acquire({ shared: true }), b.acquire({ shared: true })];
      guard.release();
      const [first, second] = await Promise.all(waits);
      assert.deepEqual([a.mode, b.mode], ["shared", "shared"]);
      const alone = a.acquire();
      first.release();
      second.release();
      (await alone).release();
    }));

  it("gives up when its timeout has run out, and not before", () =>
    withTwo(async (a, b) => {
      const guard = await a.acquire();
      for (const timeout of [0, 0.5, 20]) {
        const began = performance.now();
        await assert.rejects(b.acquire({ timeout }), { name: "TimeoutError" });
        assert.ok(performance.now() - began >= timeout);
      }
      await assert.rejects(b.acquire({ timeout: -1 }), RangeError);
      guard.release();
      assert.ok(b.tryAcquire(), "a wait that gave up holds the lock");
    }));

  it("gives up with the reason of its signal", () =>
    withTwo(async (a, b) => {
      const reason = { why: "enough" };
      await assert.rejects(b.acquire({ signal: AbortSignal.abort(reason) }), reason);
      const guard = await a.acquire();
      const controller = new AbortController();
      const pending = b.acquire({ signal: controller.signal });
      controller.abort(reason);
      assert.equal(await pending.catch((error) => error), reason);
      guard.release();
      assert.ok(b.tryAcquire());
    }));

  it("is rejected if its lock is closed meanwhile", () =>
    withTwo(async (a, b) => {
      const guard = await a.acquire();
      const pending = b.acquire();
      b.close();
      await assert.rejects(pending, TypeError);
      await assert.rejects(b.acquire(), TypeError);
      guard.release();
      assert.ok(a.tryAcquire());
    }));

  it("works for withLock and locked", () =>
    withTwo(async (a, b) => {
      let inside = 0;
      const body = async (guard?: Guard) => {
        assert.equal(++inside, 1);
        await Promise.resolve();
        inside--;
        return guard?.token;
      };
      const tokens = await Promise.all([a, b, a].map((lock) => withLock(lock, body)));
      assert.deepEqual(tokens, tokens.toSorted());
      const each = locked(b, { timeout: 20_000 })(() => body());
      await Promise.all([each(), each(), each()]);
      await assert.rejects(withLock(a, () => Promise.reject(new Error("mine"))), /mine/);
      await assert.rejects(
        withLock(a, () => {
          throw new Error("mine");
        }),
        /mine/,
      );
      assert.ok(b.tryAcquire());
    }));

  it(
    "is woken when another process releases the lock or dies",
    DEADLINE,
    () =>
      inScratchFolder(async (folder) => {
        const path = join(folder, "lock");
        using lock = new FileLock(path);
        for (const end of ["close", "kill"] as const) {
          await using child = Child.here(HOLDER, path);
          assert.equal(await child.line(), "held");
          const pending = lock.acquire();
          await oneWaits(folder);
          child[end]();
          const guard = await pending;
          assert.equal(guard.recovered, end === "kill");
          guard.release();
        }
      }),
  );

  it(
    "does not keep the lock after an abort, however late it is granted",
    DEADLINE,
    () =>
      withHeld(async (lock, child, folder) => {
        const controller = new AbortController();
        const pending = lock.acquire({ signal: controller.signal });
        await oneWaits(folder);
        controller.abort();
        await assert.rejects(pending, { name: "AbortError" });
        await until("waits in the kernel", () => kernelWaits(folder) === 0);
        child.close();
        await child.ended;
        using other = new FileLock(lock.path);
        // If the cancelled wait still got the lock, it has released it.
        (await other.acquire({ timeout: 20_000 })).release();
        (await lock.acquire({ timeout: 20_000 })).release();
      }),
  );

  for (const what of ["is still wanted", "was aborted"] as const) {
    it(
      `does not block its own thread with a grant that ${what}`,
      DEADLINE,
      () =>
        withHeld(async (lock, child, folder) => {
          using other = new FileLock(lock.path);
          const controller = new AbortController();
          const pending = lock.acquire({ signal: controller.signal });
          await oneWaits(folder);
          // From here on this thread receives no message, not even that of the grant.
          child.kill();
          for (const began = performance.now(); !isHeldHere(lock.path);) {
            assert.ok(performance.now() - began < 20_000, "it was not granted");
          }
          if (what === "was aborted") {
            controller.abort();
            const guard = other.tryAcquire() ?? other.acquireSync({ timeout: 20_000 });
            guard.release();
            await assert.rejects(pending, { name: "AbortError" });
          } else {
            other.acquireSync({ timeout: 20_000 }).release();
            (await pending).release();
          }
          assert.ok(lock.tryAcquire());
        }),
    );
  }

  it(
    "goes on after its thread has blocked without success",
    DEADLINE,
    () =>
      withHeld(async (lock, child, folder) => {
        using other = new FileLock(lock.path);
        const pending = lock.acquire();
        await oneWaits(folder);
        assert.throws(() => other.acquireSync({ timeout: 1 }), { name: "TimeoutError" });
        child.close();
        (await pending).release();
        assert.ok(other.tryAcquire());
      }),
  );

  it(
    "keeps the process alive only while it waits",
    DEADLINE,
    () =>
      inScratchFolder(async (folder) => {
        const path = join(folder, "lock");
        using lock = new FileLock(path);
        lock.lock();
        for (const args of [[], ["again"]]) {
          await using child = Child.here(ACQUIRER, path, ...args);
          assert.equal(await child.line(), "waiting");
          await oneWaits(folder);
          lock.unlock();
          assert.equal(await child.line(), "had it");
          assert.equal((await child.ended).code, 0);
          lock.lock();
        }
      }),
  );

  for (const [count, paths] of [[1000, 1], [1000, 1000]]) {
    it(
      `delays nothing else while it waits ${count} times on ${paths} paths`,
      DEADLINE,
      () =>
        inScratchFolder(async (folder) => {
          await using child = Child.here(HOLDER_OF_MANY, folder, String(paths));
          assert.equal(await child.line(), "held");
          const locks = Array.from(
            { length: count },
            (_, i) => new FileLock(join(folder, `${i % paths}`)),
          );
          let inside = 0;
          const waits = locks.map(async (lock) => {
            using _guard = await lock.acquire();
            if (paths === 1) assert.equal(++inside, 1);
            await Promise.resolve();
            inside--;
          });
          await until("waits in the kernel", () => kernelWaits(folder) === Math.min(paths, 4));
          // The best of some rounds, since other programs use this machine, too.
          let late = Infinity;
          let share = Infinity;
          for (let round = 0; round < LOOKS && (late >= LATE || share >= 0.2); round++) {
            const cpu = process.cpuUsage();
            const began = performance.now();
            late = Math.min(late, await lateness());
            const { user, system } = process.cpuUsage(cpu);
            share = Math.min(share, (user + system) / 1000 / (performance.now() - began));
          }
          child.close();
          await Promise.all(waits);
          for (const lock of locks) lock.close();
          assert.ok(late < LATE, `timers and reads were ${late} ms late`);
          assert.ok(share < 0.2, `waiting took ${Math.round(100 * share)} % of a processor`);
        }),
    );
  }

  it(
    "keeps the process alive, also if another lock of the thread holds the file",
    DEADLINE,
    () =>
      inScratchFolder(async (folder) => {
        await using child = Child.here(OWN_WAITER, join(folder, "lock"));
        assert.equal(await child.line(), "TimeoutError");
        assert.equal((await child.ended).code, 0);
      }),
  );

  it(
    "is either granted or aborted if both happen at once",
    DEADLINE,
    () =>
      withTwo(async (a, b) => {
        let granted = 0;
        for (let i = 0; i < 200; i++) {
          const guard = await a.acquire();
          const controller = new AbortController();
          const pending = b.acquire({ signal: controller.signal }).then(
            (guard) => guard.release(),
            (error) => error.name,
          );
          if (i % 3 === 0) queueMicrotask(() => controller.abort());
          guard.release();
          if (i % 3 === 1) controller.abort();
          if (await pending === undefined) granted++;
          const after = a.tryAcquire();
          assert.ok(after, `${i}: the lock is not free`);
          after.release();
        }
        assert.ok(granted > 0 && granted < 200, String(granted));
      }),
  );
});
