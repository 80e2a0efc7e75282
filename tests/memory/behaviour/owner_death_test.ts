import assert from "node:assert/strict";
import process from "node:process";
import { describe, it } from "node:test";
import type { Guard } from "../../../src/contract/mod.ts";
import { OwnerDiedError } from "../../../src/contract/mod.ts";
import { regionOf } from "../../../src/memory/memory.ts";
import { stateOf } from "../../support/thread_state.ts";
import { until } from "../../support/until.ts";
import { type AgentGroup, RUNTIMES, SLEEPERS, TASKS, withAgents } from "../fixtures/lock_agents.ts";
import { type CommandResult, type Way, WAYS } from "../fixtures/lock_agent.ts";

const LIMIT = { timeout: 60_000 };

/** Acquires the mutex of a dead owner here, and checks what is reported about it. */
async function inherit(
  group: AgentGroup,
  index: number,
  way: Way,
  dead: CommandResult,
): Promise<void> {
  const mutex = group.mutex(index);
  if (way === "lock") {
    mutex.lock();
    assert.equal(mutex.recovered, true, way);
    mutex.unlock();
  } else {
    const guard = way === "try"
      ? mutex.tryAcquire()
      : way === "async"
      ? await mutex.acquire()
      : mutex.acquireSync({ timeout: way === "timed" ? 20_000 : undefined });
    assert.ok(guard, `${way} did not acquire it`);
    assertRecovered(guard, dead);
    guard.release();
  }
  assertFree(group, index);
}

/** Fails unless a mutex is free, and no owner died holding it. */
function assertFree(group: AgentGroup, index: number): void {
  const guard = group.mutex(index).tryAcquire();
  assert.ok(guard, "it is not free");
  guard.release();
  assert.equal(guard.recovered, false, "it was recovered twice");
  assert.equal(guard.previousOwner, undefined);
}

function assertRecovered(guard: Guard | CommandResult, dead: CommandResult): void {
  const previous = "previousOwner" in guard
    ? guard.previousOwner
    : (guard as CommandResult).previous;
  assert.equal(guard.recovered, true);
  assert.equal(previous?.pid, dead.pid);
  assert.equal(previous?.thread, dead.thread);
}

describe("A mutex whose holder was killed", () => {
  for (const name of RUNTIMES) {
    it(
      `goes to the next caller, which learns who died: ${name}`,
      LIMIT,
      withAgents(async (group) => {
        const holder = await group.process(name);
        const dead = await holder.do({ act: "who" });
        assert.equal(dead.pid, holder.child.pid);
        for (const [i] of WAYS.entries()) {
          assert.equal((await holder.take(i, WAYS[i])).got, true);
          assert.equal(group.mutex(i).tryAcquire(), undefined);
        }
        await holder.kill();
        for (const [i, way] of WAYS.entries()) await inherit(group, i, way, dead);
      }),
    );

    it(
      `goes to the next caller without a sleep, if it died long ago: ${name}`,
      LIMIT,
      withAgents(async (group) => {
        const holder = await group.process(name);
        for (const i of [0, 1]) await holder.take(i);
        await holder.kill();
        const region = regionOf(group.memory);
        region.wait = () => assert.fail("it slept");
        const guard = group.mutex(0).acquireSync();
        assert.equal(guard.recovered, true);
        guard.release();
        group.mutex(1).runSync(() => {});
      }),
    );

    it(
      `goes to the waiters, asleep or in a task, once: ${name}`,
      LIMIT,
      withAgents(async (group) => {
        const [holder, sleeper] = [await group.process(), await group.process(name)];
        const dead = await holder.do({ act: "who" });
        for (const i of [0, 1, 2]) await holder.take(i);
        sleeper.tell({ act: "take", mutex: 0, way: "timed" });
        await group.waited(0, SLEEPERS);
        const pending = group.mutex(1).acquire();
        const second = group.mutex(1).acquire();
        await group.waited(1, TASKS);
        await holder.kill();
        assertRecovered(await sleeper.outcome(), dead);
        const guard = await pending;
        assertRecovered(guard, dead);
        guard.release();
        assert.equal((await second).recovered, false);
        (await second).release();
        assertRecovered(await sleeper.take(2, "async"), dead);
        await sleeper.do({ act: "release", mutex: 2 });
        assertFree(group, 2);
      }),
    );
  }

  it(
    "is recovered again if the process that recovered it is killed too",
    LIMIT,
    withAgents(async (group) => {
      let dead = await (await group.process()).do({ act: "who" });
      const chain = await Promise.all(RUNTIMES.map((name) => group.process(name)));
      for (const [i, holder] of chain.entries()) {
        const got = await holder.take(0);
        assert.equal(got.recovered, i > 0);
        if (i > 0) assertRecovered(got, dead);
        dead = await holder.do({ act: "who" });
        await holder.kill();
      }
      await inherit(group, 0, "acquireSync", dead);
    }),
  );

  it(
    "that throws is free, and throws for all callers until one recovers it",
    LIMIT,
    withAgents(async (group) => {
      const [holder, other] = [await group.process(), await group.process(RUNTIMES[1])];
      const dead = await holder.do({ act: "who" });
      await holder.take(0);
      await holder.kill();
      const mutex = group.mutex(0, true);
      const isDeath = (error: unknown) =>
        error instanceof OwnerDiedError && error.owner?.pid === dead.pid &&
        error.owner?.thread === dead.thread;
      for (let i = 0; i < 2; i++) {
        assert.throws(() => mutex.acquireSync(), isDeath);
        assert.throws(() => mutex.acquireSync({ timeout: 1 }), isDeath);
        assert.throws(() => mutex.lock(), isDeath);
        assert.throws(() => mutex.tryAcquire(), isDeath);
        await assert.rejects(mutex.acquire(), isDeath);
        assert.equal(mutex.held, false);
        assert.equal(mutex.owner(), undefined, "the caller that got the error holds it");
        for (const way of WAYS) {
          const { error } = await other.take(0, way, { throws: true });
          assert.equal(error, "OwnerDiedError", way);
        }
      }
      assertRecovered(await other.take(0, "try", { throws: true, recover: true }), dead);
      await other.do({ act: "release", mutex: 0 });
      using guard = mutex.acquireSync();
      assert.equal(guard.recovered, false);
    }),
  );

  it(
    "that throws wakes the next waiter, asleep or in a task, which throws too",
    LIMIT,
    withAgents(async (group) => {
      const holder = await group.process();
      const others = await Promise.all(RUNTIMES.map((name) => group.process(name)));
      await holder.take(0);
      for (const other of others) {
        other.tell({ act: "take", mutex: 0, way: "acquireSync", throws: true });
      }
      await group.waited(0, SLEEPERS);
      const tasks = [0, 1, 2].map(() => assert.rejects(group.mutex(0, true).acquire()));
      await group.waited(0, TASKS);
      await holder.kill();
      for (const other of others) assert.equal((await other.outcome()).error, "OwnerDiedError");
      await Promise.all(tasks);
      assert.equal(group.word(0), 0);
    }),
  );
});

describe("A mutex whose holder was a thread", () => {
  for (const how of ["ended by itself", "was terminated"]) {
    it(
      `that ${how} goes to the next caller when the thread has ended`,
      LIMIT,
      withAgents(async (group) => {
        const holder = await group.thread();
        const dead = await holder.do({ act: "who" });
        assert.equal(dead.pid, process.pid);
        for (const [i, way] of WAYS.entries()) {
          assert.equal((await holder.do({ act: "take", mutex: i, way })).got, true);
        }
        assert.equal(group.mutex(0).tryAcquire(), undefined);
        const pending = group.mutex(WAYS.length - 1).acquire();
        if (how === "was terminated") holder.thread.end();
        else holder.thread.post("end");
        await until("the end of the thread", () => stateOf(process.pid, dead.thread) === undefined);
        const guard = await pending;
        assertRecovered(guard, dead);
        guard.release();
        for (const [i, way] of WAYS.slice(0, -1).entries()) await inherit(group, i, way, dead);
      }),
    );
  }

  it(
    "keeps it after the death of another thread of its process",
    LIMIT,
    withAgents(async (group) => {
      const [holder, other] = [await group.thread(), await group.thread()];
      const { thread } = await other.do({ act: "who" });
      await holder.do({ act: "take", mutex: 0 });
      other.thread.post("end");
      await until("the end of the thread", () => stateOf(process.pid, thread) === undefined);
      assert.equal(group.mutex(0).tryAcquire(), undefined);
      await holder.do({ act: "release", mutex: 0 });
      assertFree(group, 0);
    }),
  );
});

describe("A waiter that was killed", () => {
  for (const [way, bit] of [["acquireSync", SLEEPERS], ["async", TASKS]] as const) {
    it(
      `blocks no other waiter: ${way}`,
      LIMIT,
      withAgents(async (group) => {
        const waiters = await Promise.all(RUNTIMES.map((name) => group.process(name)));
        const others = await Promise.all(RUNTIMES.map((name) => group.process(name)));
        const held = group.mutex(0).acquireSync();
        for (const waiter of waiters) waiter.tell({ act: "take", mutex: 0, way });
        await group.waited(0, bit);
        // The living ones wait as well, asleep and in tasks.
        for (const [i, other] of others.entries()) {
          other.tell({ act: "take", mutex: 0, way: i % 2 === 0 ? "timed" : "async" });
        }
        await Promise.all(waiters.map((waiter) => waiter.kill()));
        const pending = group.mutex(0).acquire();
        held.release();
        const all = others.map(async (other) => {
          assert.equal((await other.outcome()).recovered, false);
          await other.do({ act: "release", mutex: 0 });
        });
        (await pending).release();
        await Promise.all(all);
        assertFree(group, 0);
      }),
    );
  }
});
