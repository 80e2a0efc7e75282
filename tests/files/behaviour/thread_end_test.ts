import assert from "node:assert/strict";
import { join } from "node:path";
import process from "node:process";
import { describe, it } from "node:test";
import { FileCounter, FileLock } from "../../../src/files/mod.ts";
import { openCommitFile } from "../../../src/files/commit_file.ts";
import { openLockFile } from "../../../src/runtime/file_locks/open_lock_file.ts";
import { adapter } from "../../../src/runtime/mod.ts";
import { Child } from "../../support/child.ts";
import { stateOf } from "../../support/thread_state.ts";
import { openFiles } from "../../support/open_files.ts";
import { randomOf } from "../../support/random.ts";
import { runtimesHere } from "../../support/runtimes_here.ts";
import { inScratchFolder } from "../../support/scratch_folder.ts";
import { Thread } from "../../support/thread.ts";
import { NO_THREAD_END } from "../../support/thread_end.ts";
import { until } from "../../support/until.ts";
import type { ThreadTask, Way } from "../fixtures/lock_thread.ts";

const LIMIT = { timeout: 120_000 };
const MODULE = new URL("../fixtures/lock_thread.ts", import.meta.url);
const HOLDER = new URL("../fixtures/holding_process.ts", import.meta.url);
const ADDER = new URL("../fixtures/adding_process.ts", import.meta.url);
const TERMINATING = new URL("../fixtures/terminating_process.ts", import.meta.url);
const ENDS = ["ended by itself", "was terminated"] as const;
const KINDS = { "Web Worker": adapter.spawnWorker, "node:worker_threads": adapter.spawnHelper };
const WITH_RECORD: readonly Way[] = ["guard", "awaited"];
const HOLDS: readonly Way[] = ["lock", "guard", "awaited", "shared", "range"];
const LOOPS: readonly Way[] = [
  "lock again and again",
  "guard again and again",
  "wait again and again",
  "count again and again",
  "count durably again and again",
];

/** The numbers of the threads that {@linkcode threadWith} has started. */
const started: unknown[] = [];

/** Starts a thread, and waits until it holds the lock or has held it once. */
async function threadWith(job: ThreadTask, spawn = adapter.spawnWorker): Promise<Thread> {
  const thread = new Thread(MODULE, spawn);
  thread.post(job);
  started.push(await thread.next());
  return thread;
}

const hasEnded = (number: unknown) => stateOf(process.pid, number as number) === undefined;

function end(thread: Thread, how: (typeof ENDS)[number]): void {
  if (how === "was terminated") thread.end();
  else thread.post("end");
}

const rangeOf = (way: Way) => way === "range" ? { range: { start: 3, length: 4 } } : {};

describe("A file lock of a thread that", { skip: NO_THREAD_END }, () => {
  for (const how of ENDS) {
    for (const way of HOLDS) {
      it(`${how} is free, held by: ${way}`, LIMIT, () =>
        inScratchFolder(async (folder) => {
          const path = join(folder, "lock");
          using lock = new FileLock(path, rangeOf(way));
          for (const spawn of Object.values(KINDS)) {
            const thread = await threadWith({ path, way }, spawn);
            assert.equal(lock.tryAcquire(), undefined);
            end(thread, how);
            const guard = await until("the lock", () => lock.tryAcquire());
            if (WITH_RECORD.includes(way)) {
              assert.equal(guard.recovered, true);
              assert.equal(guard.previousOwner?.pid, process.pid);
            }
            guard.release();
          }
        }));
    }

    it(
      `${how} is granted to the waiters of its process`,
      LIMIT,
      () =>
        inScratchFolder(async (folder) => {
          const path = join(folder, "lock");
          using lock = new FileLock(path);
          let thread = await threadWith({ path, way: "guard" });
          const pending = lock.acquire();
          end(thread, how);
          (await pending).release();
          thread = await threadWith({ path, way: "guard" });
          end(thread, how);
          lock.acquireSync().release();
        }),
    );

    it(
      `${how} is granted to another process if its own has no waiter`,
      LIMIT,
      () =>
        inScratchFolder(async (folder) => {
          const path = join(folder, "lock");
          for (const runtime of runtimesHere()) {
            const thread = await threadWith({ path, way: "lock" });
            await using child = Child.in(runtime, HOLDER, path);
            end(thread, how);
            assert.equal(await child.line(), "held");
          }
        }),
    );
  }

  for (const how of ENDS) {
    it(`${how} leads no sync any more`, LIMIT, () =>
      inScratchFolder(async (folder) => {
        const path = join(folder, "count");
        new FileCounter(path).close();
        const thread = await threadWith({ path, way: "lead" });
        end(thread, how);
        const counter = openLockFile(path, undefined, false);
        const commit = openCommitFile(counter, false);
        try {
          await until("the lead", () => commit.tryLock(false));
        } finally {
          for (const file of [commit, counter]) file.close();
        }
      }));
  }

  for (const [kind, spawn] of Object.entries(KINDS)) {
    it(`ended leaves no descriptor: ${kind}`, LIMIT, () =>
      inScratchFolder(async (folder) => {
        const placeholders = () => openFiles("/").filter((path) => path === "/").length;
        await until("the end of the threads of other tests", () => started.every(hasEnded));
        const before = placeholders();
        for (const how of ENDS) {
          const thread = await threadWith(
            { path: join(folder, "x"), way: "open and close" },
            spawn,
          );
          assert.ok(placeholders() > before);
          end(thread, how);
          await until("the end of all", () => {
            return placeholders() === before && openFiles(folder).length === 0;
          });
        }
      }));
  }

  for (const way of LOOPS) {
    it(`was terminated is free: ${way}`, LIMIT, () =>
      inScratchFolder(async (folder) => {
        const path = join(folder, "file");
        const random = randomOf(7);
        for (let i = 0; i < 4; i++) {
          const thread = await threadWith({ path, way });
          await new Promise((resolve) => setTimeout(resolve, 10 * random()));
          thread.end();
          if (way.startsWith("count")) {
            await using child = Child.here(ADDER, path, "1", "{}");
            await child.line();
            child.tell("go");
            assert.equal((await child.ended).code, 0);
            new FileCounter(path, { durable: way.includes("durably") }).addSync();
          } else {
            using lock = new FileLock(path);
            (await lock.acquire()).release();
          }
        }
      }));
  }

  it(
    "was terminated is free while a task of it waits in the kernel",
    LIMIT,
    () =>
      inScratchFolder(async (folder) => {
        const path = join(folder, "lock");
        using lock = new FileLock(path);
        const random = randomOf(8);
        for (let i = 0; i < 8; i++) {
          const guard = lock.acquireSync();
          const thread = await threadWith({ path, way: "wait" });
          await new Promise((resolve) => setTimeout(resolve, 60 * random()));
          const acts = [() => thread.end(), () => guard.release()];
          if (i % 2 === 1) acts.reverse();
          for (const act of acts) {
            act();
            if (i % 4 < 2) await new Promise((resolve) => setTimeout(resolve, 10 * random()));
          }
          (await until("the lock", () => lock.tryAcquire())).release();
        }
      }),
  );
});

describe("A file lock of a thread that lives on", { skip: NO_THREAD_END }, () => {
  for (const how of ENDS) {
    it(
      `is still held after another thread ${how}, whatever its descriptors were`,
      LIMIT,
      () =>
        inScratchFolder(async (folder) => {
          const paths = ["a", "b"].map((name) => join(folder, name));
          const threads: Thread[] = [];
          for (const path of paths) threads.push(await threadWith({ path, way: "open and close" }));
          const names = paths.flatMap((path) => [path, `${path}-1`, `${path}-2`]);
          const opened: FileLock[] = [];
          const open = (path: string) => opened[opened.push(new FileLock(path)) - 1];
          // Node 22 has no DisposableStack.
          using _ = { [Symbol.dispose]: () => opened.forEach((lock) => lock.close()) };
          const locks = names.map(open);
          const isFree = (lock: FileLock) => {
            using guard = lock.tryAcquire();
            return guard !== undefined;
          };
          assert.deepEqual(locks.map(isFree), [false, false, false, false, false, false]);
          end(threads[0], how);
          await until("the locks of the one", () => locks.slice(0, 3).every(isFree));
          // These files get the descriptors of the ended thread.
          const more = Array.from({ length: 20 }, (_, i) => open(join(folder, `${i}`)));
          for (const lock of more) lock.acquireSync();
          assert.deepEqual(locks.slice(3).map(isFree), [false, false, false]);
          threads[1].post("close");
          const number = await threads[1].next<number>();
          assert.deepEqual(locks.slice(3).map(isFree), [true, true, true]);
          end(threads[1], how);
          await until("the end of the thread", () => stateOf(process.pid, number) === undefined);
          for (const { path } of more) assert.equal(isFree(open(path)), false);
        }),
    );
  }
});

// `terminate` of Deno does not end a thread that never awaits.
const endsLoops = adapter.name !== "deno";
if (endsLoops) {
  describe(
    "A process whose worker is terminated while its module runs",
    { skip: NO_THREAD_END },
    () => {
      it(
        "goes on, and can acquire the lock of the worker",
        LIMIT,
        () =>
          inScratchFolder(async (folder) => {
            await using child = Child.here(TERMINATING, join(folder, "lock"));
            assert.equal(await child.line(), "ended");
            assert.equal((await child.ended).code, 0);
          }),
      );
    },
  );
}
