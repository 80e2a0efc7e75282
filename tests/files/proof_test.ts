import assert from "node:assert/strict";
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { FileCounter, FileLock } from "../../mod.ts";
import { Child } from "../support/child.ts";
import { kernelWaiters } from "../support/kernel_waiters.ts";
import { Program } from "../support/program.ts";
import { foldersIn, inScratchFolder } from "../support/scratch_folder.ts";
import { until } from "../support/until.ts";
import { Arena } from "./fixtures/arena.ts";
import {
  giveUpAtRandom,
  holdTogether,
  killAtRandom,
  replaceAtRandom,
  sweep,
} from "./fixtures/rounds.ts";

const DEADLINE = { timeout: 60_000 };
const ACQUIRER = new URL("./fixtures/acquiring_process.ts", import.meta.url);
const WORKER = new URL("./fixtures/job_process.ts", import.meta.url);
const TRIES = 4;
/** `deno task soak` does all this for 50 times as long. */
const [HOLDS, HANDLES, KILLS, REPLACED, ABORTS] = [100, 40, 8, 20, 200];

/** What a process has had of the processors so far, in milliseconds: by ticks of 10. */
function processorTime(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(") ") + 2).split(" ");
  return 10 * (Number(fields[11]) + Number(fields[12]));
}

function seeded(body: (folder: string, seed: number) => Promise<void>): () => Promise<void> {
  return () =>
    inScratchFolder(async (folder) => {
      const seed = Math.floor(Math.random() * 2 ** 31);
      try {
        await body(folder, seed);
      } catch (error) {
        throw new Error(`with the seed ${seed}`, { cause: error });
      }
    });
}

describe("the proof of file locks", () => {
  it("finds two that are inside together", () => {
    sweep([[0, 5, 7, 0], [0, 7, 9, 0], [0, 1, 4, 1], [0, 2, 3, 1]]);
    sweep([[0, 1, 4, 0], [0, 2, 3, 0]], [[1, 2]]);
    assert.throws(() => sweep([[0, 1, 4, 0], [0, 2, 3, 0]]), /overlaps/);
    assert.throws(() => sweep([[0, 1, 4, 1], [0, 2, 3, 0]]), /overlaps/);
    assert.throws(() => sweep([[2, 3, 9, 0], [4, 5, 6, 0]], [[0, 1], [6, 7]]), /overlaps/);
  });

  for (const ranges of [false, true]) {
    it(
      `processes of all runtimes never hold ${ranges ? "what overlaps" : "a lock"} together`,
      DEADLINE,
      seeded(async (folder, seed) => {
        const crowd = { processes: 6, rounds: HOLDS, ranges };
        const { holds, shared } = await holdTogether(folder, crowd, seed);
        assert.ok(shared > holds / 20, `only ${shared} were shared`);
      }),
    );
  }

  it(
    "processes with many handles each neither",
    DEADLINE,
    seeded(async (folder, seed) => {
      await holdTogether(folder, { processes: 3, rounds: 4, handles: HANDLES }, seed);
    }),
  );

  it(
    "a SIGKILL at any moment frees the lock at once, and the files have what was acknowledged",
    DEADLINE,
    seeded(async (_folder, seed) => {
      // By chance, nobody may have held anything when it was killed: then once more.
      for (let i = 0; i < TRIES; i++) {
        const { recovered } = await inScratchFolder((folder) =>
          killAtRandom(folder, (round) => round < KILLS, seed + i)
        );
        if (recovered > 0) return;
      }
      assert.fail(`${TRIES * KILLS} were killed, and none of them held anything`);
    }),
  );

  for (const across of [false, true]) {
    it(
      `what is aborted as its turn comes ${
        across ? "from another process" : "in a process"
      } is had or not`,
      DEADLINE,
      seeded(async (folder, seed) => {
        const { gaveUp, had } = await giveUpAtRandom(foldersIn(folder), ABORTS, across, seed);
        assert.ok(gaveUp > 0 && had > 0, `${gaveUp} gave up, ${had} had it`);
      }),
    );
  }

  for (const byHolder of [true, false]) {
    it(
      `a file that ${
        byHolder ? "its holder" : "anybody"
      } replaces again and again is followed by all`,
      DEADLINE,
      seeded(async (folder, seed) => {
        await replaceAtRandom(folder, REPLACED, byHolder, seed);
      }),
    );
  }

  it(
    "removing or replacing the file while it is held and waited for leads all to the new one",
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
          // Whoever comes now has the new file; the old holder keeps what nobody else can get.
          using blocker = new FileLock(path);
          const blocking = blocker.acquireSync();
          guard.release();
          // The waiter gets the old file, sees that it is old, and waits for the new one.
          await until("a wait for the new file", () => kernelWaiters(path) === 1);
          assert.equal(next.tryAcquire(), undefined, "a handle on the old file got in");
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
      `a process that waits ${count} times on ${paths} paths does next to nothing`,
      DEADLINE,
      () =>
        inScratchFolder(async (folder) => {
          // 1000 paths are 4 waits in the kernel and 996 that are tried every 64 ms.
          const limit = paths > 1 ? 0.1 : 0.02;
          using arena = new Arena(folder);
          const files = Array.from(
            { length: paths },
            (_, i) => paths === 1 ? arena.lock : `${arena.lock}-${i}`,
          );
          const locks = files.map((path) => new FileLock(path));
          for (const lock of locks) lock.lock();
          const job = { folder, what: "pend", handles: count, paths };
          await using child = Child.here(WORKER, JSON.stringify(job));
          assert.equal(await child.line(), "ready");
          child.tell("go");
          assert.equal(await child.line(), "waiting");
          await until("waits in the kernel", () => kernelWaiters(...files) === waits);
          // A runtime that has started compiles on for a while.
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
          assert.equal(JSON.parse(await child.line()).had, count);
        }),
    );
  }
});
