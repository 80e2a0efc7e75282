import assert from "node:assert/strict";
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { describe, it } from "node:test";
import { FileCounter, FileLock } from "../../mod.ts";
import { Child } from "../support/child.ts";
import { kernelWaiters } from "../support/kernel_waiters.ts";
import { Program } from "../support/program.ts";
import { runtimesHere } from "../support/runtimes_here.ts";
import { inScratchFolder } from "../support/scratch_folder.ts";
import { until } from "../support/until.ts";

const DEADLINE = { timeout: 60_000 };
const PROVER = new URL("./fixtures/proving_process.ts", import.meta.url);
const ACQUIRER = new URL("./fixtures/acquiring_process.ts", import.meta.url);
/** A soak runs at a multiple: `INTERLOCK_SOAK=50` is the size of the issue. */
const SIZE = Number(process.env.INTERLOCK_SOAK ?? 1);

/** Lets so many processes of all runtimes hold one lock, and checks what they did. */
function holdTogether(processes: number, times: number, handles: number): Promise<void> {
  return inScratchFolder(async (folder) => {
    writeFileSync(join(folder, "plain"), "0");
    const runtimes = runtimesHere();
    const children = Array.from({ length: processes }, (_, i) =>
      Child.in(
        runtimes[i % runtimes.length],
        PROVER,
        folder,
        "hold",
        `${times}`,
        `${handles}`,
      ));
    try {
      for (const child of children) assert.equal(await child.line(), "ready");
      for (const child of children) child.tell("go");
      const holds: [number, number][] = [];
      for (const child of children) {
        const found = JSON.parse(await child.line()) as number[];
        for (let i = 0; i < found.length; i += 2) holds.push([found[i], found[i + 1]]);
      }
      holds.sort(([a], [b]) => a - b);
      for (let i = 1; i < holds.length; i++) {
        assert.ok(holds[i - 1][1] <= holds[i][0], `hold ${i} overlaps the one before it`);
      }
      assert.equal(holds.length, processes * times * handles);
      assert.equal(readFileSync(join(folder, "plain"), "utf8"), `${holds.length}`);
    } finally {
      for (const child of children) await child[Symbol.asyncDispose]();
    }
  });
}

describe("the proof of file locks", () => {
  it("16 processes of all runtimes never hold the lock together, and lose no update", {
    timeout: 60_000 * SIZE,
  }, () => holdTogether(16, 200 * SIZE, 1));

  it(
    "processes with many handles each neither",
    { timeout: 60_000 * SIZE },
    () => holdTogether(SIZE > 1 ? 50 : 6, 4, SIZE > 1 ? 200 : 40),
  );

  it("a SIGKILL at any moment frees the lock at once, and the counter has what it said", {
    timeout: 60_000 * SIZE,
  }, () =>
    inScratchFolder(async (folder) => {
      const runtimes = runtimesHere();
      using lock = new FileLock(join(folder, "lock"));
      using counter = new FileCounter(join(folder, "count"));
      for (let i = 0; i < 20 * SIZE; i++) {
        await using child = Child.in(
          runtimes[i % runtimes.length],
          PROVER,
          folder,
          "add",
          "0",
          "1",
        );
        assert.equal(await child.line(), "ready");
        child.tell("go");
        let said = Number(await child.line());
        const enough = said + Math.floor(Math.random() * 200);
        while (said < enough) said = Number(await child.line());
        child.kill("SIGKILL");
        // The next owner needs no more than the end of the process.
        using _guard = lock.acquireSync({ timeout: 5000 });
        assert.equal((await child.ended).signal, "SIGKILL");
        for (;;) {
          const left = await child.line().catch(() => undefined);
          if (left === undefined) break;
          // The last line may be cut off.
          if (Number(left) === said + 1) said++;
        }
        const { value } = counter;
        assert.ok(value >= said && value <= said + 1, `${said} was said, ${value} is there`);
        assert.match(readFileSync(join(folder, "count"), "utf8"), /^\d+\n$/);
      }
    }));

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
        counter.add();
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

  it("a process that waits does nothing", DEADLINE, () =>
    inScratchFolder(async (folder) => {
      const path = join(folder, "lock");
      using lock = new FileLock(path);
      lock.lock();
      const ticks = (pid: number) => {
        const stat = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ");
        return Number(stat[11]) + Number(stat[12]);
      };
      for (const runtime of runtimesHere()) {
        await using child = Child.in(runtime, ACQUIRER, path);
        assert.equal(await child.line(), "waiting");
        await until("a wait in the kernel", () => kernelWaiters(path) === 1);
        // Until what its start has left to do is done: a runtime compiles on for a while.
        let [before, calm] = [-1, false];
        for (let round = 0; round < 20 && !calm; round++) {
          before = ticks(child.pid);
          await new Promise((resolve) => setTimeout(resolve, 500));
          calm = ticks(child.pid) - before <= 1; // Of 10 ms, in half a second.
        }
        assert.ok(calm, `${runtime} is busy waiting`);
      }
    }));
});
