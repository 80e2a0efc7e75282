import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { RwLock } from "../../../src/memory/mod.ts";
import { RUNTIMES } from "../fixtures/lock_agents.ts";
import {
  kill,
  outcomeOf,
  perform,
  type PrimitiveGroup,
  tell,
  withPrimitive,
} from "../fixtures/primitive_group.ts";

const LIMIT = { timeout: 60_000 };
const SHARED = { shared: true };
const WAYS = ["bare", "sync", "try", "async"] as const;

const withGroup = (body: (group: PrimitiveGroup<RwLock>) => Promise<void>) =>
  withPrimitive("rw-lock", RwLock.BYTES, (memory) => new RwLock(memory, 0), body);

/** Fails unless the lock is free, and no writer's death is left to be reported. */
function assertFree({ lock }: PrimitiveGroup<RwLock>): void {
  assert.deepEqual(lock.owners(), []);
  for (const options of [SHARED, {}]) {
    const guard = lock.tryAcquire(options);
    assert.ok(guard, "the lock is not free");
    assert.equal(guard.recovered, false, "a death is reported twice");
    guard.release();
  }
}

describe("A read-write lock of processes", () => {
  it(
    "lets readers of all runtimes in together, and a writer alone",
    LIMIT,
    withGroup(async (group) => {
      const children = await Promise.all(RUNTIMES.map((name) => group.start(name)));
      for (const way of WAYS) {
        for (const child of children) {
          assert.equal((await perform(child, { act: "take", way, shared: true })).got, true);
        }
        assert.equal(group.lock.owners().length, children.length);
        assert.equal(group.lock.tryAcquire(), undefined);
        for (const child of children) {
          assert.equal((await perform(child, { act: "take", way: "try" })).got, false);
        }
        for (const child of children) await perform(child, { act: "give" });
        for (const child of children) {
          assert.equal((await perform(child, { act: "take", way })).got, true);
          assert.equal(group.lock.owner()?.pid, child.pid);
          assert.equal(group.lock.tryAcquire(SHARED), undefined);
          assert.equal(group.lock.tryAcquire({ upgradable: true }), undefined);
          await perform(child, { act: "give" });
        }
        assertFree(group);
      }
    }),
  );

  for (const name of RUNTIMES) {
    it(
      `does not count a killed reader: ${name}`,
      LIMIT,
      withGroup(async (group) => {
        for (const way of WAYS) {
          const [reader, writer] = [await group.start(name), await group.start()];
          await perform(reader, { act: "take", way, shared: true });
          tell(writer, { act: "take", way: "sync" });
          await group.waits(writer);
          await kill(reader);
          const { got, recovered } = await outcomeOf(writer);
          assert.deepEqual([got, recovered], [true, false]);
          await perform(writer, { act: "give" });
          const task = group.lock.acquire();
          (await task).release();
          assertFree(group);
        }
      }),
    );

    it(
      `reports a killed writer to readers, and to one writer: ${name}`,
      LIMIT,
      withGroup(async (group) => {
        for (const way of WAYS) {
          const writer = await group.start(name);
          await perform(writer, { act: "take", way });
          assert.equal(group.lock.tryAcquire(SHARED), undefined);
          await kill(writer);
          assert.deepEqual(group.lock.owners(), []);
          for (let i = 0; i < 2; i++) {
            const reader = way === "async"
              ? await group.lock.acquire(SHARED)
              : group.lock.acquireSync(SHARED);
            assert.equal(reader.recovered, true);
            assert.equal(reader.previousOwner?.pid, writer.pid);
            reader.release();
          }
          if (way === "bare") {
            group.lock.lock();
            assert.equal(group.lock.recovered, true);
            group.lock.unlock();
          } else {
            using guard = group.lock.acquireSync();
            assert.equal(guard.recovered, true);
            assert.equal(guard.previousOwner?.pid, writer.pid);
          }
          assertFree(group);
        }
      }),
    );

    it(
      `goes on to waiters, asleep or in a task, when its writer is killed: ${name}`,
      LIMIT,
      withGroup(async (group) => {
        const [holder, reader, writer, task] = await Promise.all(
          [undefined, name, name, name].map((name) => group.start(name)),
        );
        await perform(holder, { act: "take", way: "sync" });
        tell(reader, { act: "take", way: "sync", shared: true });
        tell(writer, { act: "take", way: "sync" });
        tell(task, { act: "take", way: "async", shared: true });
        for (const child of [reader, writer, task]) await group.waits(child);
        await kill(holder);
        // In any order: one that has the lock gives it back when it has told.
        await Promise.all([reader, writer, task].map(async (child) => {
          assert.equal((await outcomeOf(child)).got, true);
          await perform(child, { act: "give" });
        }));
        assertFree(group);
      }),
    );

    it(
      `is not closed by a killed waiter: ${name}`,
      LIMIT,
      withGroup(async (group) => {
        for (const way of ["sync", "async"] as const) {
          const [writer, reader] = [await group.start(name), await group.start(name)];
          const guard = group.lock.acquireSync(SHARED);
          tell(writer, { act: "take", way }); // Closes the gate, and waits for the guard.
          await group.waits(writer);
          tell(reader, { act: "take", way, shared: true });
          await group.waits(reader);
          await kill(writer);
          assert.equal((await outcomeOf(reader)).got, true);
          await perform(reader, { act: "give" });
          guard.release();
          const next = await group.lock.acquire();
          next.release();
          assertFree(group);
          await kill(reader);
        }
      }),
    );

    it(
      `goes on when the one that can become a writer is killed: ${name}`,
      LIMIT,
      withGroup(async (group) => {
        const holder = await group.start(name);
        await perform(holder, { act: "take", way: "sync", upgradable: true });
        assert.equal(group.lock.tryAcquire(), undefined);
        group.lock.tryAcquire(SHARED)!.release();
        await kill(holder);
        using guard = group.lock.acquireSync({ upgradable: true });
        assert.equal(guard.recovered, false, "it has written nothing");
        assert.equal(guard.upgradeSync(), true);
      }),
    );
  }
});
