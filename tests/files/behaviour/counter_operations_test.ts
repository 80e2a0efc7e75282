import assert from "node:assert/strict";
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { FileCounter, FileLock } from "../../../src/files/mod.ts";
import { libc } from "../../../src/runtime/mod.ts";
import { openLockFile } from "../../../src/runtime/file_locks/open_lock_file.ts";
import { inScratchFolder } from "../../support/scratch_folder.ts";

const DEADLINE = { timeout: 60_000 };

/** Gives `body` a counter, and its path. */
function withCounter(
  durable: boolean,
  body: (counter: FileCounter, path: string) => void | Promise<void>,
): Promise<void> {
  return inScratchFolder(async (folder) => {
    const path = join(folder, "count");
    using counter = new FileCounter(path, { durable });
    await body(counter, path);
  });
}

/** Waits for so many microtasks. */
async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await undefined;
}

for (const durable of [false, true]) {
  describe(`The operations of a ${durable ? "durable " : ""}FileCounter`, () => {
    it("change the number in one step, blocking the thread", () =>
      withCounter(durable, (counter, path) => {
        const results = [
          counter.addSync(5), // 5
          counter.fetchAddSync(), // 6
          counter.fetchMaxSync(4),
          counter.fetchMaxSync(9), // 9
          counter.fetchMinSync(10),
          counter.fetchMinSync(-2), // -2
          counter.exchangeSync(7), // 7
          counter.compareExchangeSync(6, 1),
          counter.compareExchangeSync(7, 1), // 1
          counter.addSync(-3), // -2
          counter.getSync(),
        ];
        assert.deepEqual(results, [5, 5, 6, 6, 9, 9, -2, 7, 7, -2, -2]);
        assert.equal(counter.setSync(12), undefined);
        assert.equal(Number(readFileSync(path, "utf8")), 12);
      }));

    it(
      "change it in the order of the calls, without blocking the thread",
      DEADLINE,
      () =>
        withCounter(durable, async (counter, path) => {
          const results = await Promise.all([
            counter.get(),
            counter.add(5), // 5
            counter.fetchAdd(), // 6
            counter.fetchMax(4),
            counter.fetchMax(9), // 9
            counter.get(),
            counter.fetchMin(10),
            counter.fetchMin(-2), // -2
            counter.exchange(7), // 7
            counter.compareExchange(6, 1),
            counter.compareExchange(7, 1), // 1
            counter.set(12), // 12
            counter.get(),
          ]);
          assert.deepEqual(results, [0, 5, 5, 6, 6, 9, 9, 9, -2, 7, 7, undefined, 12]);
          assert.equal(Number(readFileSync(path, "utf8")), 12);
          assert.equal(await counter.get(), 12);
        }),
    );

    it(
      "give each task the value after its own add",
      DEADLINE,
      () =>
        withCounter(durable, async (counter) => {
          const values = await Promise.all(Array.from({ length: 100 }, () => counter.add()));
          assert.deepEqual(values, Array.from({ length: 100 }, (_, i) => i + 1));
          assert.equal(await counter.fetchAdd(10), 100);
        }),
    );

    it(
      "let the thread run while another process has the file locked",
      DEADLINE,
      () =>
        withCounter(durable, async (counter, path) => {
          // In place of another process: the locks of one thread know each other.
          const other = openLockFile(path);
          other.tryLock(false);
          const results: number[] = [];
          const adds = [1, 2].map((n) => counter.add(n).then((value) => results.push(value)));
          const read = counter.get().then((value) => results.push(value));
          await sleep(30);
          assert.deepEqual(results, []);
          other.close();
          await Promise.all([...adds, read]);
          assert.deepEqual(results, [1, 3, 3]);
        }),
    );

    it(
      "read while another process shares the lock, and write after that",
      DEADLINE,
      () =>
        withCounter(durable, async (counter, path) => {
          const other = openLockFile(path);
          other.tryLock(true);
          assert.equal(await counter.get(), 0);
          const add = counter.add();
          await sleep(10);
          assert.equal(counter.getSync(), 0);
          other.close();
          assert.equal(await add, 1);
        }),
    );

    it(
      "can be mixed with blocking ones at any moment of a grant",
      DEADLINE,
      () =>
        withCounter(durable, async (counter, path) => {
          using twin = new FileCounter(path);
          using lock = new FileLock(path);
          let sum = 0;
          for (let count = 0; count < 12; count++) {
            const guard = lock.acquireSync();
            const add = counter.add();
            await turns(8);
            guard.release();
            if (count > 0) await turns(count - 1);
            twin.addSync();
            counter.addSync();
            assert.ok(await add <= (sum += 3));
          }
          assert.equal(counter.getSync(), sum);
        }),
    );

    it(
      "go to the file that has the path when the lock is granted",
      DEADLINE,
      () =>
        withCounter(durable, async (counter, path) => {
          const other = openLockFile(path);
          other.tryLock(false);
          const adds = [counter.add(), counter.add()];
          await sleep(10);
          writeFileSync(`${path}.edited`, "100\n");
          renameSync(`${path}.edited`, path);
          other.close();
          assert.deepEqual(await Promise.all(adds), [101, 102]);
          assert.equal(Number(readFileSync(path, "utf8")), 102);
        }),
    );

    it(
      "fail if the file is removed while they wait",
      DEADLINE,
      () =>
        withCounter(durable, async (counter, path) => {
          const other = openLockFile(path);
          other.tryLock(false);
          const ends = [counter.add(), counter.get()].map((end) =>
            assert.rejects(end, { code: "ENOENT" })
          );
          await sleep(10);
          rmSync(path);
          other.close();
          await Promise.all(ends);
          new FileCounter(path).close();
          assert.equal(await counter.add(), 1);
        }),
    );

    it(
      "fail if their own thread holds the lock when the counter is closed",
      DEADLINE,
      () =>
        withCounter(durable, async (counter, path) => {
          using lock = new FileLock(path);
          lock.lock();
          const end = assert.rejects(counter.add(), { name: "DeadlockError" });
          await turns(8);
          counter.close();
          await end;
          lock.unlock();
          assert.equal(readFileSync(path, "utf8"), "0\n");
        }),
    );
  });
}

describe("The operations of a FileCounter", () => {
  it("give 0, never -0", () =>
    withCounter(false, async (counter) => {
      const results = await Promise.all([
        counter.exchange(-0),
        counter.get(),
        counter.fetchAdd(-0),
        counter.fetchMin(-0),
        counter.fetchMax(-0),
        counter.compareExchange(-0, -0),
        counter.add(-0),
      ]);
      const blocking = [
        counter.exchangeSync(-0),
        counter.fetchMinSync(-0),
        counter.fetchAddSync(-0),
        counter.addSync(-0),
        counter.getSync(),
      ];
      for (const result of [...results, ...blocking]) assert.ok(Object.is(result, 0));
    }));

  it("write nothing if the number stays the same", () =>
    withCounter(false, async (counter) => {
      counter.setSync(7);
      const { pwrite } = libc;
      let writes = 0;
      const value = (...args: Parameters<typeof pwrite>) => {
        writes++;
        return pwrite(...args);
      };
      Object.defineProperty(libc, "pwrite", { value, configurable: true });
      try {
        counter.fetchMaxSync(3);
        counter.compareExchangeSync(3, 4);
        await Promise.all([counter.fetchMin(8), counter.get(), counter.set(7)]);
        assert.equal(writes, 0);
        await counter.add();
        assert.equal(writes, 1);
      } finally {
        Object.defineProperty(libc, "pwrite", { value: pwrite, configurable: true });
      }
    }));
});
