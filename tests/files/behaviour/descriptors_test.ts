import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { FileCounter, FileLock, JsonFile } from "../../../mod.ts";
import { Child } from "../../support/child.ts";
import { kernelWaiters } from "../../support/kernel_waiters.ts";
import { openFiles } from "../../support/open_files.ts";
import { Program } from "../../support/program.ts";
import { runtimesHere } from "../../support/runtimes_here.ts";
import { inScratchFolder } from "../../support/scratch_folder.ts";
import { until } from "../../support/until.ts";

const DEADLINE = { timeout: 60_000 };
const HOLDER = new URL("../fixtures/holding_process.ts", import.meta.url);
const ACQUIRER = new URL("../fixtures/acquiring_process.ts", import.meta.url);
const CYCLES = 100;

/** Uses of each class from open to close, with errors and waits, by name. */
const USES: Readonly<Record<string, (path: string) => void | Promise<void>>> = {
  "a lock": (path) => {
    using lock = new FileLock(path);
    lock.acquireSync().release();
    using range = new FileLock(path, { range: { start: 1, length: 1 } });
    range.acquireSync();
  },
  "waits for a lock that give up": async (path) => {
    using lock = new FileLock(path);
    using other = new FileLock(path);
    const guard = await lock.acquire();
    const pending = [other.acquire({ timeout: 0.1 }), other.acquire({ timeout: 0.2 })];
    await Promise.all(pending.map((wait) => assert.rejects(wait, { name: "TimeoutError" })));
    const next = other.acquire();
    guard.release();
    (await next).release();
  },
  "a lock that cannot be opened": (path) => {
    assert.throws(() => new FileLock("/dev/null"), TypeError);
    assert.throws(() => new FileLock(join(path, "..")), { code: "EISDIR" });
    assert.throws(() => new FileLock(path, { label: "x".repeat(101) }), RangeError);
  },
  "a counter": (path) => {
    using counter = new FileCounter(`${path}.count`);
    using batch = counter.batchSync();
    batch.add();
  },
  "a durable counter": (path) => {
    using counter = new FileCounter(`${path}.count`, { durable: true });
    counter.addSync();
  },
  "a counter that cannot be opened": (path) => {
    new FileLock(`${path}.empty`).close();
    assert.throws(() => new FileCounter(`${path}.empty`), SyntaxError);
    assert.throws(() => new FileCounter(`${path}.empty`, { durable: true }), SyntaxError);
  },
  "a document": async (path) => {
    using file = new JsonFile(`${path}.json`, { initial: {}, durable: false });
    file.updateSync((document) => document);
    await file.update((document) => document);
    file.readSync();
    assert.throws(() => file.updateSync(() => 1n as unknown as object), TypeError);
  },
};

describe("descriptors", () => {
  for (const [what, use] of Object.entries(USES)) {
    it(
      `are all closed after ${CYCLES} uses: ${what}`,
      DEADLINE,
      () =>
        inScratchFolder(async (folder) => {
          const path = join(folder, "it");
          for (let i = 0; i < CYCLES; i++) await use(path);
          await until("the end of the waits", () => openFiles(folder).length === 0);
        }),
    );
  }

  it(
    "are closed when a wait in the kernel gives up",
    DEADLINE,
    () =>
      inScratchFolder(async (folder) => {
        const path = join(folder, "it");
        await using child = Child.here(HOLDER, path);
        assert.equal(await child.line(), "held");
        using lock = new FileLock(path);
        for (let i = 0; i < 20; i++) {
          const controller = new AbortController();
          const pending = lock.acquire({ signal: controller.signal });
          await until("a wait in the kernel", () => kernelWaiters(path) > 0);
          controller.abort();
          await assert.rejects(pending, { name: "AbortError" });
        }
        await until("the end of the waits", () => openFiles(folder).length === 1);
      }),
  );

  it(
    "are not inherited by a child, of any runtime, of a process that holds and waits",
    DEADLINE,
    () =>
      inScratchFolder(async (folder) => {
        const path = join(folder, "it");
        const [held, counted] = [`${path}.held`, `${path}.count`];
        await using holder = Child.here(HOLDER, path);
        assert.equal(await holder.line(), "held");
        const locks = [held, path, path].map((path) => new FileLock(path));
        const range = new FileLock(path, { range: { start: 0, length: 1 } });
        using counter = new FileCounter(counted, { durable: true });
        using file = new JsonFile(`${path}.json`, { initial: {} });
        locks[0].lock();
        range.lock();
        counter.addSync();
        const pending = locks[1].acquire();
        await until("a wait in the kernel", () => kernelWaiters(path) === 1);
        await using child = new Program(["sh", "-c", "echo here; cat"]);
        assert.equal(await child.line(), "here");
        assert.deepEqual(openFiles(folder, child.pid), []);
        // The same for children that the other runtimes start.
        for (const runtime of runtimesHere()) {
          await using other = Child.in(runtime, ACQUIRER, held);
          assert.equal(await other.line(), "waiting");
          await until("a wait in the kernel", () => kernelWaiters(held) === 1);
          assert.deepEqual(new Set(openFiles(folder, other.pid)), new Set([held]));
        }
        await using alone = new Program(["sh", "-c", "echo here; cat"]);
        assert.equal(await alone.line(), "here");
        holder.close();
        (await pending).release();
        for (const lock of [...locks, range]) lock.close();
        using next = new FileLock(held);
        assert.ok(next.tryAcquire(), "a child has the lock");
        file.close();
        assert.ok(readdirSync(folder).includes("it.held"));
      }),
  );
});
