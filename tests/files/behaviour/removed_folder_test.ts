import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { FileCounter, FileLock, JsonFile } from "../../../mod.ts";
import { Child } from "../../support/child.ts";
import { kernelWaiters } from "../../support/kernel_waiters.ts";
import { inScratchFolder } from "../../support/scratch_folder.ts";
import { until } from "../../support/until.ts";

const DEADLINE = { timeout: 60_000 };
const HOLDER = new URL("../fixtures/holding_process.ts", import.meta.url);

/** Gives `body` a folder that it may remove, and a path in it. */
function withFolder(
  body: (folder: string, path: string) => void | Promise<void>,
): Promise<void> {
  return inScratchFolder((outer) => {
    const folder = join(outer, "a", "b");
    return body(folder, join(folder, "it"));
  });
}

const remove = (folder: string) => rmSync(folder, { recursive: true });

describe("A folder that is removed", () => {
  it("is made again for the next hold of a lock in it", () =>
    withFolder(async (folder, path) => {
      using lock = new FileLock(path);
      for (
        const take of [
          () => lock.acquireSync(),
          () => lock.acquire(),
          () => lock.tryAcquire()!,
          () => lock.acquireSync({ shared: true }),
        ]
      ) {
        remove(folder);
        const guard = await take();
        using other = new FileLock(path);
        assert.equal(other.tryAcquire(), undefined);
        guard.release();
        assert.ok(other.tryAcquire());
      }
    }));

  it("ends no hold of a lock in it", () =>
    withFolder(async (folder, path) => {
      using lock = new FileLock(path);
      const guard = lock.acquireSync();
      remove(folder);
      assert.equal(guard.held, true);
      assert.equal(lock.mode, "exclusive");
      assert.ok(lock.owner()?.pid);
      guard.release();
      const next = await lock.acquire();
      assert.ok(next.token! > guard.token!, "the token starts again");
      remove(folder);
      next.release();
      lock.close();
      assert.equal(existsSync(folder), false);
    }));

  it(
    "sends the waiters for a lock in it to the new folder",
    DEADLINE,
    () =>
      withFolder(async (folder, path) => {
        await using child = Child.here(HOLDER, path);
        assert.equal(await child.line(), "held");
        using lock = new FileLock(path);
        using behind = new FileLock(path);
        const pending = lock.acquire();
        const next = behind.acquire();
        await until("a wait in the kernel", () => kernelWaiters(path) === 1);
        remove(folder);
        child.close();
        const guard = await pending;
        using other = new FileLock(path);
        assert.equal(other.tryAcquire(), undefined);
        guard.release();
        (await next).release();
        assert.ok(other.tryAcquire());
      }),
  );

  it(
    "and cannot be made again is an error for all waiters for a lock in it",
    DEADLINE,
    () =>
      withFolder(async (folder, path) => {
        await using child = Child.here(HOLDER, path);
        assert.equal(await child.line(), "held");
        const locks = [new FileLock(path), new FileLock(path)];
        const [lock, other] = locks;
        const waits = locks.map((lock) => lock.acquire());
        await until("a wait in the kernel", () => kernelWaiters(path) === 1);
        remove(folder);
        writeFileSync(folder, "");
        child.close();
        const isClear = (error: NodeJS.ErrnoException) =>
          error.code === "ENOTDIR" && error.message.includes(path);
        await Promise.all(waits.map((wait) => assert.rejects(wait, isClear)));
        assert.throws(() => lock.acquireSync(), isClear);
        assert.throws(() => lock.tryAcquire(), isClear);
        await assert.rejects(lock.acquire(), isClear);
        rmSync(folder);
        const guard = await lock.acquire();
        assert.equal(other.tryAcquire(), undefined);
        guard.release();
        for (const lock of locks) lock.close();
      }),
  );

  for (const durable of [false, true]) {
    it(`is an error for a ${durable ? "durable " : ""}counter in it, which never starts again`, () =>
      withFolder((folder, path) => {
        using counter = new FileCounter(path, { durable });
        counter.addSync(7);
        remove(folder);
        for (
          const use of [() => counter.addSync(), () => counter.setSync(1), () => counter.getSync()]
        ) {
          assert.throws(use, { code: "ENOENT" });
        }
        mkdirSync(folder);
        assert.throws(() => counter.addSync(), { code: "ENOENT" });
        assert.deepEqual(readdirSync(folder), [], "an empty file was made");
        using other = new FileCounter(path, { durable });
        other.addSync();
        counter.addSync();
        assert.equal(readFileSync(path, "utf8"), "2\n");
      }));
  }

  it(
    "does not come back with an empty counter by the adds of tasks",
    DEADLINE,
    () =>
      withFolder(async (folder, path) => {
        using counter = new FileCounter(path, { durable: true });
        await counter.add(); // Starts the helper.
        for (let i = 0; i < 8; i++) {
          const ends = Promise.allSettled([counter.add()]);
          for (let turn = 0; turn < i; turn++) await undefined;
          rmSync(path);
          const [{ status }] = await ends;
          assert.equal(existsSync(path), false, `the add was ${status}`);
          assert.throws(() => counter.getSync(), { code: "ENOENT" });
          assert.ok(existsSync(folder));
          new FileCounter(path).close();
          assert.equal(counter.getSync(), 0);
        }
      }),
  );

  it("is made again for a document with an initial value", () =>
    withFolder(async (folder, path) => {
      using file = new JsonFile(path, { initial: { done: 0 } });
      using strict = new JsonFile<{ done: number }>(path);
      const more = ({ done }: { done: number }) => ({ done: done + 1 });
      file.updateSync(more);
      remove(folder);
      assert.throws(() => strict.updateSync(more), { code: "ENOENT" });
      assert.throws(() => strict.readSync(), { code: "ENOENT" });
      remove(folder);
      assert.deepEqual(await file.update(more), { done: 1 });
      assert.deepEqual(strict.readSync(), { done: 1 });
    }));
});
