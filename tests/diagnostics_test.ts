import assert from "node:assert/strict";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { join } from "node:path";
import process from "node:process";
import { describe, it } from "node:test";
import { FileLock, Segment } from "../mod.ts";
import { CHANNELS, type LockEvent } from "../src/diagnostics.ts";
import { Directory } from "../src/memory/directory.ts";
import { SEMAPHORE } from "../src/memory/layout.ts";
import { attachmentOf } from "../src/memory/memory.ts";
import { partOf } from "../src/redis/client/names.ts";
import { RedisLock } from "../src/redis/mod.ts";
import { startServers } from "./redis/suite.ts";
import { Child } from "./support/child.ts";
import { skip } from "./support/redis_server.ts";
import { inScratchFolder } from "./support/scratch_folder.ts";
import { until } from "./support/until.ts";

const DEADLINE = { timeout: 60_000 };
const MUTEX_HOLDER = new URL("./memory/fixtures/holding_process.ts", import.meta.url);
const FILE_HOLDER = new URL("./files/fixtures/holding_process.ts", import.meta.url);
const THROWING = new URL("./fixtures/throwing_listener_process.ts", import.meta.url);

/** What was published while `body` ran: names and messages. */
async function listening(
  body: (heard: (readonly [string, LockEvent])[]) => Promise<void>,
): Promise<void> {
  const heard: (readonly [string, LockEvent])[] = [];
  const listeners = CHANNELS.map((channel) => {
    const name = channel.replace("interlock:", "");
    const listener = (message: unknown) => void heard.push([name, message as LockEvent]);
    subscribe(channel, listener);
    return () => unsubscribe(channel, listener);
  });
  try {
    await body(heard);
  } finally {
    for (const remove of listeners) remove();
  }
}

describe("The channels of locks", () => {
  it(
    "tell of a mutex that is waited for and recovered, and not of a free one",
    DEADLINE,
    () =>
      inScratchFolder((directory) =>
        listening(async (heard) => {
          using segment = Segment.open("jobs", { directory });
          const mutex = segment.mutex("lock");
          mutex.acquireSync().release();
          assert.equal(heard.length, 0);
          await using holder = Child.here(MUTEX_HOLDER, "jobs", directory);
          await holder.line();
          const wait = mutex.acquire();
          assert.deepEqual(heard.map(([name]) => name), ["wait"]);
          holder.kill();
          const guard = await wait;
          assert.deepEqual(heard.map(([name]) => name), ["wait", "recovered", "acquire"]);
          const [, [, recovered], [, acquired]] = heard;
          for (const [, { medium, name, segment }] of heard) {
            assert.deepEqual([medium, name, segment], ["memory", "lock", join(directory, "jobs")]);
          }
          assert.equal(recovered.previousOwner?.pid, holder.pid);
          assert.ok(acquired.waited! >= 0);

          heard.length = 0;
          await using waiter = Child.here(MUTEX_HOLDER, "jobs", directory);
          await until("a waiter", () => segment.threads().some(({ waits }) => waits.length > 0));
          guard.release();
          assert.deepEqual(heard.map(([name]) => name), ["release"]);
          await waiter.line(); // It has the lock.
          const end = new AbortController();
          const failing = mutex.acquire({ signal: end.signal });
          end.abort();
          await assert.rejects(failing);
          assert.throws(() => mutex.acquireSync({ timeout: 1 }), { name: "TimeoutError" });
          assert.deepEqual(heard.map(([name]) => name), ["release", "wait", "wait"]);
        })
      ),
  );

  for (
    const [kind, open] of [
      ["semaphore", (segment: Segment) => segment.semaphore("lock", { permits: 4 })],
      ["writer", (segment: Segment) => segment.rwLock("lock")],
    ] as const
  ) {
    it(
      `tell of a ${kind} that is waited for and recovered, and not of a free one`,
      DEADLINE,
      () =>
        inScratchFolder((directory) =>
          listening(async (heard) => {
            using segment = Segment.open("jobs", { directory });
            const lock = open(segment);
            const all = kind === "semaphore" ? { permits: 4 } : {};
            lock.acquireSync(all).release();
            (await lock.acquire(all)).release();
            assert.equal(heard.length, 0);
            await using holder = Child.here(MUTEX_HOLDER, "jobs", directory, kind);
            await holder.line();
            const wait = lock.acquire(all);
            await until("the wait", () => heard.length > 0);
            holder.kill();
            const guard = await wait;
            const names = heard.map(([name]) => name);
            assert.deepEqual(names.toSorted(), ["acquire", "recovered", "wait"]);
            for (const [name, event] of heard) {
              assert.deepEqual([event.medium, event.name], ["memory", "lock"]);
              if (name === "recovered") assert.equal(event.previousOwner?.pid, holder.pid);
              if (name === "acquire") assert.ok(event.waited! >= 0);
            }
            heard.length = 0;
            await using waiter = Child.here(MUTEX_HOLDER, "jobs", directory, kind);
            await until("a waiter", () => segment.threads().some(({ waits }) => waits.length > 0));
            guard.release();
            assert.deepEqual(heard.map(([name]) => name), ["release"]);
            await waiter.line(); // It has the lock.
          })
        ),
    );
  }

  it(
    "tell of readers that wait for a writer, and of a writer that waits for readers",
    DEADLINE,
    () =>
      inScratchFolder((directory) =>
        listening(async (heard) => {
          using segment = Segment.open("jobs", { directory });
          const lock = segment.rwLock("lock");
          const names = () => heard.map(([name]) => name);
          for (const shared of [true, false]) {
            heard.length = 0;
            const guard = lock.acquireSync({ shared });
            const wait = lock.acquire({ shared: !shared });
            await until("the wait", () => segment.threads()[0].waits.length > 0);
            assert.deepEqual(names(), ["wait"]);
            guard.release();
            (await wait).release();
            assert.deepEqual(names(), ["wait", "release", "acquire"]);
          }
        })
      ),
  );

  it("tell of a permit that was lost", () =>
    listening(async (heard) => {
      const segment = Segment.anonymous();
      const semaphore = segment.semaphore("lock", { permits: 1 });
      const guard = await semaphore.acquire();
      const { region } = attachmentOf(segment.memory);
      const [{ offset }] = new Directory({ region }, "the test").entries();
      region.atomics.store32(region.resolve(offset, 4, 4) + SEMAPHORE.permits, 0);
      assert.throws(() => guard.release(), { name: "LockLostError" });
      assert.deepEqual(heard.map(([name, { error }]) => [name, error?.name]), [
        ["lost", "LockLostError"],
      ]);
    }));

  it("tell of a lock file", DEADLINE, () =>
    inScratchFolder((folder) =>
      listening(async (heard) => {
        const path = join(folder, "lock");
        await using holder = Child.here(FILE_HOLDER, path);
        await holder.line();
        using lock = new FileLock(path);
        const wait = lock.acquire();
        await until("the wait", () => heard.length > 0);
        holder.kill();
        const guard = await wait;
        guard.release();
        assert.deepEqual(
          heard.map(([name, { name: path }]) => [name, path]),
          ["wait", "acquire", "recovered", "release"].map((name) => [name, path]),
        );
        assert.equal(heard[2][1].previousOwner?.pid, holder.pid);
        heard.length = 0;
        using other = new FileLock(path);
        using _held = other.acquireSync();
        assert.throws(() => lock.acquireSync({ timeout: 1 }), { name: "TimeoutError" });
        assert.deepEqual(heard.map(([name]) => name), ["wait"]);
      })
    ));

  it("let no listener change what happens to a lock", DEADLINE, async () => {
    await using child = Child.here(THROWING);
    assert.equal(await child.line(), "true false acquire,release,wait");
  });

  describe("on Redis", { skip }, () => {
    const suite = startServers();
    it(
      "tell of each acquisition, and of a lock that was lost",
      DEADLINE,
      () =>
        listening(async (heard) => {
          const names = () =>
            heard.map(([name, { medium, name: of }]) => `${name} ${medium} ${of}`);
          await using lock = new RedisLock(suite.redis, "jobs");
          await using next = new RedisLock(suite.redis, "jobs", { leaseTime: 60_000 });
          const guard = await lock.acquire();
          const wait = next.acquire();
          await until("the wait", () => heard.length > 1);
          await guard.release();
          const held = await wait;
          assert.deepEqual(names().sort(), [
            "acquire redis jobs",
            "acquire redis jobs",
            "release redis jobs",
            "wait redis jobs",
          ]);
          heard.length = 0;
          await suite.redis.send("DEL", partOf("jobs", "lock")); // As if its lease had ended.
          const recovered = await lock.tryAcquire();
          assert.deepEqual(names(), ["acquire redis jobs", "recovered redis jobs"]);
          assert.equal(heard[1][1].previousOwner?.pid, process.pid);
          await assert.rejects(held.release(), { name: "LockLostError" });
          assert.equal(names().at(-1), "lost redis jobs");
          assert.equal(heard.at(-1)![1].error?.name, "LockLostError");
          await recovered!.release();
        }),
    );
  });
});
