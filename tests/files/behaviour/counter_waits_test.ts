import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import type { AcquireOptions } from "../../../mod.ts";
import { FileCounter } from "../../../mod.ts";
import { openLockFile } from "../../../src/runtime/file_locks/open_lock_file.ts";
import { WRONG_OPTIONS, WRONG_TIMEOUT_TYPES } from "../../contract/wrong_arguments.ts";
import { Child } from "../../support/child.ts";
import { kernelWaiters } from "../../support/kernel_waiters.ts";
import { inScratchFolder } from "../../support/scratch_folder.ts";
import { until } from "../../support/until.ts";

const HOLDER = new URL("../fixtures/holding_process.ts", import.meta.url);
const TIMEOUT = { name: "TimeoutError", message: /^Cannot lock ".*count" in time: process \d+/ };

type Operation = (counter: FileCounter, options?: AcquireOptions) => unknown;
const TASKS: Readonly<Record<string, Operation>> = {
  add: (counter, options) => counter.add(1, options),
  get: (counter, options) => counter.get(options),
  set: (counter, options) => counter.set(1, options),
  fetchAdd: (counter, options) => counter.fetchAdd(1, options),
  fetchMin: (counter, options) => counter.fetchMin(1, options),
  fetchMax: (counter, options) => counter.fetchMax(1, options),
  exchange: (counter, options) => counter.exchange(1, options),
  compareExchange: (counter, options) => counter.compareExchange(0, 1, options),
};
const BLOCKING: Readonly<Record<string, Operation>> = {
  addSync: (counter, options) => counter.addSync(1, options),
  getSync: (counter, options) => counter.getSync(options),
  setSync: (counter, options) => counter.setSync(1, options),
  fetchAddSync: (counter, options) => counter.fetchAddSync(1, options),
  fetchMinSync: (counter, options) => counter.fetchMinSync(1, options),
  fetchMaxSync: (counter, options) => counter.fetchMaxSync(1, options),
  exchangeSync: (counter, options) => counter.exchangeSync(1, options),
  compareExchangeSync: (counter, options) => counter.compareExchangeSync(0, 1, options),
};

/** Gives `body` a counter whose file another open file has locked, as another process would. */
function withLocked(
  durable: boolean,
  body: (counter: FileCounter, path: string, release: () => void) => Promise<void>,
): Promise<void> {
  return inScratchFolder(async (folder) => {
    const path = join(folder, "count");
    using counter = new FileCounter(path, { durable });
    const other = openLockFile(path);
    other.tryLock(false);
    let isLocked = true;
    const release = () => {
      if (isLocked) other.close();
      isLocked = false;
    };
    try {
      await body(counter, path, release);
    } finally {
      release();
    }
  });
}

for (const durable of [false, true]) {
  describe(`The waits of a ${durable ? "durable " : ""}FileCounter`, { timeout: 60_000 }, () => {
    it("give up when the time runs out or the signal is aborted, and nothing is counted", () =>
      withLocked(durable, async (counter, path, release) => {
        for (const [name, operation] of Object.entries(TASKS)) {
          const controller = new AbortController();
          const ends = [
            assert.rejects(async () => await operation(counter, { timeout: 0 }), TIMEOUT, name),
            assert.rejects(async () => await operation(counter, { timeout: 5 }), TIMEOUT, name),
            assert.rejects(
              async () => await operation(counter, { signal: controller.signal }),
              (error) => error === name,
            ),
            assert.rejects(
              async () => await operation(counter, { signal: AbortSignal.abort(name) }),
              (error) => error === name,
            ),
          ];
          await ends[0];
          controller.abort(name);
          await Promise.all(ends);
        }
        for (const [name, operation] of Object.entries(BLOCKING)) {
          const signal = AbortSignal.abort(name);
          assert.throws(() => operation(counter, { timeout: 0 }), TIMEOUT, name);
          assert.throws(() => operation(counter, { signal }), (error) => error === name);
        }
        assert.equal(readFileSync(path, "utf8"), "0\n");
        await until("the wait in the kernel to end", () => kernelWaiters(path) === 0);
        release();
        assert.equal(await counter.add(1, { timeout: 10_000 }), 1);
        assert.equal(counter.addSync(1, { timeout: 0 }), 2);
      }));

    it("of other tasks go on, also of those that come as the last one gives up", () =>
      withLocked(durable, async (counter, _, release) => {
        const controller = new AbortController();
        const given = counter.add(10, { signal: controller.signal });
        const late = counter.add(100, { timeout: 60_000 });
        const given2 = counter.add(1000, { signal: controller.signal });
        await until("the wait in the kernel to begin", () => kernelWaiters(counter.path) === 1);
        controller.abort("enough");
        for (const end of [given, given2]) await assert.rejects(end, (error) => error === "enough");
        release();
        assert.equal(await late, 100);
      }));

    it("begin anew for a task that comes in the moment in which all others give up", () =>
      withLocked(durable, async (counter, _, release) => {
        const controller = new AbortController();
        const given = counter.add(10, { signal: controller.signal });
        await until("the wait in the kernel to begin", () => kernelWaiters(counter.path) === 1);
        controller.abort("enough");
        const next = counter.add(); // Before the wait knows that it was aborted.
        await assert.rejects(given, (error) => error === "enough");
        release();
        assert.equal(await next, 1);
      }));
  });
}

describe("FileCounter", { timeout: 60_000 }, () => {
  it("opens a file that another process has locked, and checks it at the first operation", () =>
    inScratchFolder(async (folder) => {
      const path = join(folder, "count");
      writeFileSync(path, "five\n");
      await using child = Child.here(HOLDER, path, "holder");
      assert.equal(await child.line(), "held");
      using counter = new FileCounter(path);
      assert.throws(() => counter.getSync({ timeout: 0 }), (error: Error) => {
        assert.match(error.message, TIMEOUT.message);
        assert.ok(error.message.includes(`process ${child.pid}`), error.message);
        return true;
      });
      let turns = 0;
      const read = counter.get().then(() => undefined, (error) => error);
      while (turns < 3) {
        await new Promise((resolve) => setTimeout(resolve, 1));
        turns++; // The thread is not blocked, though the lock is held.
      }
      child.kill();
      assert.equal((await read).name, "SyntaxError");
    }));

  it("refuses wrong options of an operation, and says what it was", () =>
    inScratchFolder(async (folder) => {
      using counter = new FileCounter(join(folder, "count"));
      const wrong = [...WRONG_OPTIONS, ...WRONG_TIMEOUT_TYPES.map((timeout) => ({ timeout }))];
      for (const options of wrong as AcquireOptions[]) {
        if (options === undefined) continue;
        const refused = { name: "TypeError", message: /^Cannot count in ".*count": / };
        assert.throws(() => counter.addSync(1, options), refused);
        await assert.rejects(counter.add(1, options), refused);
      }
      assert.equal(counter.getSync(), 0);
    }));
});
