import assert from "node:assert/strict";
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { FileCounter, FileLock } from "../../../mod.ts";
import { Child } from "../../support/child.ts";
import { kernelWaiters } from "../../support/kernel_waiters.ts";
import { Program } from "../../support/program.ts";
import { foldersIn, inScratchFolder } from "../../support/scratch_folder.ts";
import { until } from "../../support/until.ts";
import { seeded, seededKills } from "../seeded.ts";
import { StressFolder } from "./stress_folder.ts";
import {
  checkOverlaps,
  giveUpAtRandom,
  holdTogether,
  killAtRandom,
  replaceAtRandom,
} from "./runs.ts";

const DEADLINE = { timeout: 110_000 };
const ACQUIRER = new URL("../../files/fixtures/acquiring_process.ts", import.meta.url);
const WORKER = new URL("./stress_process.ts", import.meta.url);
/** In each of three runtimes; `deno task soak` does all this for 100 times as long. */
const [HOLDS, LOCKS, KILLS, REPLACED, ABORTS] = [60, 40, 4, 10, 100];

/** The processor time of a process so far, in milliseconds, in steps of 10. */
function processorTime(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(") ") + 2).split(" ");
  return 10 * (Number(fields[11]) + Number(fields[12]));
}

describe("File locks of all runtimes together", () => {
  it("notices two holders that are inside together", () => {
    checkOverlaps([[0, 5, 7, 0], [0, 7, 9, 0], [0, 1, 4, 1], [0, 2, 3, 1]]);
    checkOverlaps([[0, 1, 4, 0], [0, 2, 3, 0]], [[1, 2]]);
    assert.throws(() => checkOverlaps([[0, 1, 4, 0], [0, 2, 3, 0]]), /overlaps/);
    assert.throws(() => checkOverlaps([[0, 1, 4, 1], [0, 2, 3, 0]]), /overlaps/);
    assert.throws(() => checkOverlaps([[2, 3, 9, 0], [4, 5, 6, 0]], [[0, 1], [6, 7]]), /overlaps/);
  });

  for (const ranges of [false, true]) {
    it(
      `processes of all runtimes never hold ${ranges ? "overlapping ranges" : "a lock"} together`,
      DEADLINE,
      seeded(async (folder, seed) => {
        const sizes = { processes: 6, rounds: HOLDS, ranges };
        const { holds, shared } = await holdTogether(folder, sizes, seed);
        assert.ok(shared > holds / 20, `only ${shared} were shared`);
      }),
    );
  }

  it(
    "processes with many locks each never hold a lock together",
    DEADLINE,
    seeded(async (folder, seed) => {
      await holdTogether(folder, { processes: 3, rounds: 4, locks: LOCKS }, seed);
    }),
  );

  it(
    "a SIGKILL at any time frees the lock at once, and loses no acknowledged change",
    DEADLINE,
    seededKills(KILLS, killAtRandom),
  );

  for (const across of [false, true]) {
    it(
      `a wait that is aborted as it is granted ${
        across ? "from another process" : "in its process"
      } either holds the lock or not`,
      DEADLINE,
      seeded(async (folder, seed) => {
        const { gaveUp, granted } = await giveUpAtRandom(foldersIn(folder), ABORTS, across, seed);
        assert.ok(gaveUp > 0 && granted > 0, `${gaveUp} gave up, ${granted} were granted`);
      }),
    );
  }

  for (const byHolder of [true, false]) {
    it(
      `all processes follow a file that ${
        byHolder ? "its holder" : "another process"
      } replaces again and again`,
      DEADLINE,
      seeded(async (folder, seed) => {
        await replaceAtRandom(folder, REPLACED, byHolder, seed);
      }),
    );
  }

  it(
    "all waiters go to the new file if it is removed or replaced while it is held",
    DEADLINE,
    () =>
      inScratchFolder(async (folder) => {
        const path = join(folder, "lock");
        for (const way of ["unlink", "rename"] as const) {
          using holder = new FileLock(path);
          using next = new FileLock(path);
          const guard = holder.acquireSync();
          await using waiter = Child.here(ACQUIRER, path);
          assert.equal(await waiter.line(), "waiting");
          await until("a wait in the kernel", () => kernelWaiters(path) === 1);
          if (way === "unlink") rmSync(path);
          else {
            writeFileSync(`${path}.new`, "");
            renameSync(`${path}.new`, path);
          }
          // A new lock has the new file. The old holder still has the old one.
          using blocker = new FileLock(path);
          const blocking = blocker.acquireSync();
          guard.release();
          // The waiter gets the old file, notices that it is old, and waits for the new one.
          await until("a wait for the new file", () => kernelWaiters(path) === 1);
          assert.equal(next.tryAcquire(), undefined, "a lock on the old file was acquired");
          blocking.release();
          assert.equal(await waiter.line(), "had it");
          assert.ok(next.tryAcquire());
        }
      }),
  );

  it(
    "a long-lived child of the holder has no descriptor of it",
    DEADLINE,
    () =>
      inScratchFolder(async (folder) => {
        const path = join(folder, "lock");
        using lock = new FileLock(path);
        using range = new FileLock(path, { range: { start: 0, length: 1 } });
        using counter = new FileCounter(join(folder, "count"), { durable: true });
        counter.addSync();
        lock.lock();
        range.lock();
        await using child = new Program(["sh", "-c", "ls -l /proc/$$/fd; echo all; cat"]);
        for (let line = await child.line(); line !== "all"; line = await child.line()) {
          assert.ok(!line.includes(folder), line);
        }
        lock.close();
        using other = new FileLock(path);
        assert.ok(other.tryAcquire(), "the child has the lock");
      }),
  );

  for (const [count, paths, waits] of [[1, 1, 1], [1000, 1, 1], [1000, 1000, 4]]) {
    it(
      `a process that waits ${count} times on ${paths} paths uses hardly any processor time`,
      DEADLINE,
      () =>
        inScratchFolder(async (folder) => {
          // Of 1000 paths, 4 are waited for in the kernel and 996 are tried every 64 ms.
          const limit = paths > 1 ? 0.1 : 0.02;
          using stress = new StressFolder(folder);
          const files = Array.from(
            { length: paths },
            (_, i) => paths === 1 ? stress.lock : `${stress.lock}-${i}`,
          );
          const locks = files.map((path) => new FileLock(path));
          for (const lock of locks) lock.lock();
          const task = { folder, what: "wait", locks: count, paths };
          await using child = Child.here(WORKER, JSON.stringify(task));
          assert.equal(await child.line(), "ready");
          child.tell("go");
          assert.equal(await child.line(), "waiting");
          await until("waits in the kernel", () => kernelWaiters(...files) === waits);
          // A runtime goes on compiling for a while after its start.
          let [since, before] = [performance.now(), processorTime(child.pid)];
          await until("half a second of rest", () => {
            const took = performance.now() - since;
            const busy = processorTime(child.pid) - before;
            if (busy <= 10 + limit * took) return took >= 500;
            [since, before] = [performance.now(), processorTime(child.pid)];
            return false;
          });
          assert.equal(await child.line(), "measured");
          for (const lock of locks) lock.close();
          assert.equal(JSON.parse(await child.line()).granted, count);
        }),
    );
  }
});
