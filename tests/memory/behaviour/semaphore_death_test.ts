import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it } from "node:test";
import { Memory, Semaphore } from "../../../src/memory/mod.ts";
import { adapter, type RuntimeName } from "../../../src/runtime/mod.ts";
import { Child } from "../../support/child.ts";
import { inScratchFolder } from "../../support/scratch_folder.ts";
import { until } from "../../support/until.ts";
import { RUNTIMES } from "../fixtures/lock_agents.ts";
import type { Command, Outcome } from "../fixtures/primitive_process.ts";

const PROCESS = new URL("../fixtures/primitive_process.ts", import.meta.url);
const LIMIT = { timeout: 60_000 };
/** As many as the processes use. */
const PERMITS = 3;
const WAYS = ["bare", "sync", "try", "async"] as const;

/** A semaphore and the processes that share it. */
class Group {
  readonly memory: Memory;
  readonly semaphore: Semaphore;
  readonly #path: string;
  readonly #children: Child[] = [];

  constructor(folder: string) {
    this.#path = join(folder, "memory");
    this.memory = Memory.map(this.#path, Semaphore.bytes(PERMITS));
    this.semaphore = new Semaphore(this.memory, 0, { permits: PERMITS });
  }

  async start(name: RuntimeName = adapter.name): Promise<Child> {
    const child = Child.in(name, PROCESS, this.#path);
    this.#children.push(child);
    assert.equal(await child.line(), "ready");
    return child;
  }

  /** Waits until a process waits for permits, blocked or by a task. */
  async waits({ pid }: Child): Promise<void> {
    await until(
      "a waiter",
      () => this.memory.threads().some(({ owner, waits }) => owner.pid === pid && waits.length > 0),
    );
  }

  async close(): Promise<void> {
    for (const child of this.#children) child.kill();
    await Promise.all(this.#children.map(({ ended }) => ended));
    this.memory.close();
  }
}

function withGroup(body: (group: Group) => Promise<void>): () => Promise<void> {
  return () =>
    inScratchFolder(async (folder) => {
      const group = new Group(folder);
      try {
        await body(group);
      } finally {
        await group.close();
      }
    });
}

async function outcomeOf(child: Child): Promise<Outcome> {
  return JSON.parse(await child.line());
}

async function perform(child: Child, command: Command): Promise<Outcome> {
  child.tell(JSON.stringify(command));
  return await outcomeOf(child);
}

async function kill(child: Child): Promise<void> {
  child.kill();
  await child.ended;
}

/** Fails unless all permits are free. */
function assertFree({ semaphore }: Group): void {
  assert.equal(semaphore.available, PERMITS);
  const guard = semaphore.tryAcquire({ permits: PERMITS });
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
          assert.equal(group.semaphore.available, PERMITS - 1 - i);
        }
        const more = PERMITS - children.length + 1;
        assert.equal(group.semaphore.tryAcquire({ permits: more }), undefined);
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
          assert.equal(group.semaphore.available, 0);
          assert.equal(group.semaphore.tryAcquire(), undefined);
          await kill(holder);
          assert.equal(group.semaphore.available, PERMITS);
          assert.deepEqual(group.semaphore.owners(), []);
          const guards = [];
          for (let i = 0; i < PERMITS; i++) {
            const guard = way === "async"
              ? await group.semaphore.acquire()
              : group.semaphore.acquireSync();
            assert.equal(guard.recovered, true);
            assert.equal(guard.previousOwner?.pid, holder.pid);
            guards.push(guard);
          }
          for (const guard of guards) guard.release();
          const all = group.semaphore.acquireSync({ permits: PERMITS });
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
        assert.equal(group.semaphore.available, 0);
        for (const child of [sleeper, task]) await perform(child, { act: "give" });
        assertFree(group);
      }),
    );

    it(
      `loses no permit and no wake by a killed waiter: ${name}`,
      LIMIT,
      withGroup(async (group) => {
        const children = await Promise.all([1, 2, 3, 4].map(() => group.start(name)));
        const guard = group.semaphore.acquireSync({ permits: PERMITS });
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
      const guard = group.semaphore.acquireSync({ permits: PERMITS });
      const children = await Promise.all(RUNTIMES.map((name) => group.start(name)));
      for (const child of children) {
        child.tell(JSON.stringify({ act: "take", way: "sync" }));
        await group.waits(child);
      }
      guard.release();
      for (const child of children) assert.equal((await outcomeOf(child)).got, true);
      assert.equal(group.semaphore.available, PERMITS - children.length);
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
