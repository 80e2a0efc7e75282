import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Semaphore } from "../../../src/memory/mod.ts";
import { RUNTIMES } from "../fixtures/lock_agents.ts";
import {
  kill,
  outcomeOf,
  perform,
  type PrimitiveGroup,
  withPrimitive,
} from "../fixtures/primitive_group.ts";

const LIMIT = { timeout: 60_000 };
/** As many as the processes use. */
const PERMITS = 3;
const WAYS = ["bare", "sync", "try", "async"] as const;

const withGroup = (body: (group: PrimitiveGroup<Semaphore>) => Promise<void>) =>
  withPrimitive(
    "semaphore",
    Semaphore.bytes(PERMITS),
    (memory) => new Semaphore(memory, 0, { permits: PERMITS }),
    body,
  );

/** Fails unless all permits are free. */
function assertFree({ lock }: PrimitiveGroup<Semaphore>): void {
  assert.equal(lock.available, PERMITS);
  const guard = lock.tryAcquire({ permits: PERMITS });
  assert.ok(guard, "not all permits are free");
  guard.release();
}

describe("A semaphore of processes", () => {
  it(
    "grants its permits to all runtimes together, and no more",
    LIMIT,
    withGroup(async (group) => {
      const children = await Promise.all(RUNTIMES.map((name) => group.start(name)));
      for (const way of WAYS) {
        for (const [i, child] of children.entries()) {
          assert.equal((await perform(child, { act: "take", way })).got, true, way);
          assert.equal(group.lock.available, PERMITS - 1 - i);
        }
        const more = PERMITS - children.length + 1;
        assert.equal(group.lock.tryAcquire({ permits: more }), undefined);
        for (const child of children) await perform(child, { act: "give" });
        assertFree(group);
      }
    }),
  );

  for (const name of RUNTIMES) {
    it(
      `gets the permits of a killed holder back: ${name}`,
      LIMIT,
      withGroup(async (group) => {
        for (const way of WAYS) {
          const holder = await group.start(name);
          await perform(holder, { act: "take", way });
          await perform(holder, { act: "take", way: "sync", permits: 2 });
          assert.equal(group.lock.available, 0);
          assert.equal(group.lock.tryAcquire(), undefined);
          await kill(holder);
          assert.equal(group.lock.available, PERMITS);
          assert.deepEqual(group.lock.owners(), []);
          const guards = [];
          for (let i = 0; i < PERMITS; i++) {
            const guard = way === "async" ? await group.lock.acquire() : group.lock.acquireSync();
            assert.equal(guard.recovered, true);
            assert.equal(guard.previousOwner?.pid, holder.pid);
            guards.push(guard);
          }
          for (const guard of guards) guard.release();
          const all = group.lock.acquireSync({ permits: PERMITS });
          assert.equal(all.recovered, false, "a death is reported twice");
          all.release();
        }
      }),
    );

    it(
      `grants the permits of a killed holder to waiters, asleep or in a task: ${name}`,
      LIMIT,
      withGroup(async (group) => {
        const [holder, sleeper, task] = [
          await group.start(),
          await group.start(name),
          await group.start(name),
        ];
        await perform(holder, { act: "take", way: "sync", permits: PERMITS });
        sleeper.tell(JSON.stringify({ act: "take", way: "bare" }));
        task.tell(JSON.stringify({ act: "take", way: "async", permits: 2 }));
        for (const child of [sleeper, task]) await group.waits(child);
        await kill(holder);
        assert.equal((await outcomeOf(sleeper)).got, true);
        const { got, recovered, previous } = await outcomeOf(task);
        assert.deepEqual([got, recovered, previous?.pid], [true, true, holder.pid]);
        assert.equal(group.lock.available, 0);
        for (const child of [sleeper, task]) await perform(child, { act: "give" });
        assertFree(group);
      }),
    );

    it(
      `loses no permit and no wake by a killed waiter: ${name}`,
      LIMIT,
      withGroup(async (group) => {
        const children = await Promise.all([1, 2, 3, 4].map(() => group.start(name)));
        const guard = group.lock.acquireSync({ permits: PERMITS });
        for (const [i, child] of children.entries()) {
          const way = i % 2 === 0 ? "sync" : "async";
          child.tell(JSON.stringify({ act: "take", way }));
          await group.waits(child);
        }
        for (const child of children.slice(0, 2)) await kill(child);
        guard.release();
        for (const child of children.slice(2)) {
          assert.equal((await outcomeOf(child)).got, true);
          await perform(child, { act: "give" });
        }
        assertFree(group);
      }),
    );
  }

  it(
    "wakes its waiters when permits come back, as many as can go on",
    LIMIT,
    withGroup(async (group) => {
      const guard = group.lock.acquireSync({ permits: PERMITS });
      const children = await Promise.all(RUNTIMES.map((name) => group.start(name)));
      for (const child of children) {
        child.tell(JSON.stringify({ act: "take", way: "sync" }));
        await group.waits(child);
      }
      guard.release();
      for (const child of children) assert.equal((await outcomeOf(child)).got, true);
      assert.equal(group.lock.available, PERMITS - children.length);
      // One that waits for all of them is woken by each permit, and others are as well.
      const all = await group.start();
      all.tell(JSON.stringify({ act: "take", way: "sync", permits: PERMITS }));
      await group.waits(all);
      for (const child of children) await perform(child, { act: "give" });
      assert.equal((await outcomeOf(all)).got, true);
      await perform(all, { act: "give" });
      assertFree(group);
    }),
  );
});
