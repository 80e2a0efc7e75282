import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { OwnerDiedError } from "../../src/contract/mod.ts";
import { MOST_WAITERS } from "../../src/memory/layout.ts";
import { Condition, Memory, Mutex, type MutexGuard, Segment } from "../../src/memory/mod.ts";
import {
  WRONG_FUNCTIONS,
  WRONG_OPTIONS,
  WRONG_TIMEOUT_RANGES,
} from "../contract/wrong_arguments.ts";
import { stateOf } from "../support/thread_state.ts";
import { lookingSignal } from "../support/looking_signal.ts";
import { ourError } from "../support/our_error.ts";
import { until } from "../support/until.ts";
import { assertOffsets, itInBoth } from "./fixtures/both_memories.ts";
import { RUNTIMES } from "./fixtures/lock_agents.ts";
import { kill, outcomeOf, perform, tell, withPrimitive } from "./fixtures/primitive_group.ts";

const LIMIT = { timeout: 60_000 };
const TIMED_OUT = { name: "TimeoutError", message: /it was not notified in time/ };
/** Where the condition is; its mutex is at 0. */
const AT = 128;

function open(memory: Memory): { mutex: Mutex; condition: Condition } {
  const mutex = new Mutex(memory, 0);
  return { mutex, condition: new Condition(memory, AT, mutex) };
}

/** Waits in a task, and notes its name when it was notified. */
async function waitIn(memory: Memory, name: string, woken: string[]): Promise<void> {
  const { mutex, condition } = open(memory);
  using guard = await mutex.acquire();
  await condition.wait(guard);
  assert.equal(guard.held, true);
  woken.push(name);
}

describe("Condition", () => {
  it("takes offsets inside of the memory that are multiples of 8", () => {
    assertOffsets(
      (memory, offset) => {
        return new Condition(memory, offset, new Mutex(memory, 0));
      },
      Condition.BYTES,
      8,
    );
  });

  it("needs the same mutex of the same memory from all users", () => {
    const memory = Memory.anonymous(1);
    for (const wrong of [...WRONG_OPTIONS, undefined, {}, new Mutex(Memory.anonymous(1), 0)]) {
      assert.throws(() => new Condition(memory, AT, wrong as Mutex), ourError(TypeError));
    }
    open(memory);
    const other = new Mutex(memory, 2 ** 15);
    assert.throws(() => new Condition(memory, AT, other), /mutex at 32768: .* one at 0/);
    const again = Memory.from(memory.handle!);
    new Condition(again, AT, new Mutex(memory, 0)); // Another object of the same memory.
  });

  itInBoth("refuses guards that do not hold its mutex", async (memory, again) => {
    const { mutex, condition } = open(memory);
    const released = mutex.acquireSync();
    released.release();
    const foreign = new Mutex(memory, 2 ** 15).acquireSync();
    for (const guard of [undefined, null, 1, {}, mutex] as unknown as MutexGuard[]) {
      assert.throws(() => condition.waitSync(guard), ourError(TypeError));
      await assert.rejects(condition.wait(guard), ourError(TypeError));
    }
    const ofOther = open(again()).mutex.acquireSync();
    for (const guard of [released, foreign, ofOther]) {
      assert.throws(() => condition.waitSync(guard), /does not hold its mutex/);
      await assert.rejects(condition.waitFor(guard, () => true), /does not hold its mutex/);
    }
    assert.deepEqual([foreign.held, ofOther.held, condition.waiting], [true, true, 0]);
    for (const guard of [foreign, ofOther]) guard.release();
  });

  itInBoth("refuses a guard of a mutex that the thread holds more than once", (memory) => {
    const mutex = new Mutex(memory, 0, { reentrant: true });
    const condition = new Condition(memory, AT, mutex);
    const outer = mutex.acquireSync();
    const inner = mutex.acquireSync();
    for (const guard of [outer, inner]) {
      assert.throws(
        () => condition.waitSync(guard, { timeout: 0 }),
        /holds its mutex more than once/,
      );
      assert.equal(guard.held, true);
    }
    inner.release();
    assert.throws(() => condition.waitSync(outer, { timeout: 0 }), TIMED_OUT);
    assert.equal(outer.held, true);
    outer.release();
  });

  itInBoth("refuses wrong arguments and changes nothing", async (memory) => {
    const { mutex, condition } = open(memory);
    using guard = mutex.acquireSync();
    for (const n of ["1", null, 0.5, NaN, Infinity] as number[]) {
      assert.throws(() => condition.notify(n), ourError(TypeError));
    }
    for (const n of [0, -1]) assert.throws(() => condition.notify(n), ourError(RangeError));
    for (const timeout of WRONG_TIMEOUT_RANGES) {
      assert.throws(() => condition.waitSync(guard, { timeout }), ourError(RangeError));
      await assert.rejects(condition.wait(guard, { timeout }), ourError(RangeError));
    }
    for (const options of [...WRONG_OPTIONS, { recover: 1 }] as object[]) {
      assert.throws(() => condition.waitSync(guard, options), ourError(TypeError));
      await assert.rejects(condition.wait(guard, options), ourError(TypeError));
    }
    for (const predicate of WRONG_FUNCTIONS as (() => boolean)[]) {
      assert.throws(() => condition.waitForSync(guard, predicate), ourError(TypeError));
      await assert.rejects(condition.waitFor(guard, predicate), ourError(TypeError));
    }
    assert.deepEqual([guard.held, guard.token, condition.waiting], [true, 1, 0]);
  });

  itInBoth("notifies the oldest waiters, and so many", async (memory, again) => {
    const { mutex, condition } = open(memory);
    const woken: string[] = [];
    const waits = [];
    for (const name of "abcdef") {
      waits.push(waitIn(name < "d" ? memory : again(), name, woken));
      await until("a waiter", () => condition.waiting === waits.length);
    }
    assert.equal(condition.notify(), 1);
    await waits[0];
    const guard = mutex.acquireSync();
    assert.deepEqual([condition.notify(2), condition.waiting], [2, 3]);
    await assert.rejects(mutex.acquire({ timeout: 10 }), { name: "TimeoutError" });
    assert.deepEqual(woken, ["a"]);
    guard.release();
    await Promise.all(waits.slice(0, 3));
    assert.deepEqual(woken.toSorted(), ["a", "b", "c"]);
    assert.deepEqual([condition.notify(2), condition.notify(7), condition.notify()], [2, 1, 0]);
    await Promise.all(waits);
    assert.deepEqual([condition.notifyAll(), condition.waiting], [0, 0]);
  });

  itInBoth("notifies all, and as many tasks as can wait", async (memory) => {
    const { mutex, condition } = open(memory);
    const woken: string[] = [];
    const waits = Array.from({ length: MOST_WAITERS }, () => waitIn(memory, "", woken));
    await until("the waiters", () => condition.waiting === MOST_WAITERS);
    const guard = mutex.acquireSync();
    const { token } = guard;
    assert.throws(() => condition.waitSync(guard), ourError(RangeError));
    await assert.rejects(condition.wait(guard), ourError(RangeError));
    assert.deepEqual([guard.held, guard.token], [true, token]);
    assert.equal(condition.notifyAll(), MOST_WAITERS);
    guard.release();
    await Promise.all(waits);
    assert.equal(woken.length, MOST_WAITERS);
  });

  itInBoth("ends a wait by its timeout or its signal, and holds the mutex", async (memory) => {
    const { mutex, condition } = open(memory);
    using guard = mutex.acquireSync();
    let last = guard.token;
    const assertHeld = () => {
      assert.ok(guard.held && guard.token > last && mutex.tryAcquire() === undefined);
      assert.equal(condition.waiting, 0);
      last = guard.token;
    };
    for (const timeout of [0, 0.5, 20]) {
      const start = performance.now();
      assert.throws(() => condition.waitSync(guard, { timeout }), TIMED_OUT);
      assertHeld();
      await assert.rejects(condition.wait(guard, { timeout }), TIMED_OUT);
      assertHeld();
      assert.ok(performance.now() - start >= 2 * timeout - 1);
    }
    const reason = new Error("enough");
    const aborting = lookingSignal((look) => {
      if (look === 4) throw reason;
    });
    assert.throws(() => condition.waitSync(guard, { signal: aborting }), reason);
    assertHeld();
    const controller = new AbortController();
    const waiting = assert.rejects(condition.wait(guard, { signal: controller.signal }), reason);
    assert.equal(guard.held, false);
    // The wait cannot end before the mutex is free.
    const other = mutex.acquireSync();
    controller.abort(reason);
    other.release();
    await waiting;
    assertHeld();
    await assert.rejects(condition.wait(guard, { signal: controller.signal }), reason);
    assert.deepEqual([guard.held, guard.token], [true, last]); // It was aborted before.
  });

  itInBoth("passes no notification to a waiter that gave up", async (memory) => {
    const { mutex, condition } = open(memory);
    const woken: string[] = [];
    const guard = mutex.acquireSync();
    const gaveUp = assert.rejects(condition.wait(guard, { timeout: 1 }), TIMED_OUT);
    const waiting = waitIn(memory, "a", woken);
    await gaveUp;
    guard.release();
    await until("one waiter", () => condition.waiting === 1);
    assert.equal(condition.notify(), 1);
    await waiting;
  });

  itInBoth("ends the wait of a guard that is released meanwhile", async (memory) => {
    const { mutex, condition } = open(memory);
    const ends: Promise<void>[] = [];
    {
      using guard = await mutex.acquire();
      ends.push(assert.rejects(condition.wait(guard), /its guard was released meanwhile/));
    }
    const guard = await mutex.acquire();
    ends.push(assert.rejects(condition.wait(guard), /its guard was released meanwhile/));
    await assert.rejects(condition.wait(guard), /does not hold its mutex/); // It waits.
    condition.notify(); // It waits for the mutex from now on.
    const other = mutex.acquireSync();
    guard.release();
    assert.throws(() => guard.release(), /twice/);
    await Promise.all(ends);
    other.release();
    mutex.acquireSync().release();
    assert.equal(condition.waiting, 0);
  });

  itInBoth("waits for a predicate, which it asks with the mutex", async (memory, again) => {
    const { mutex, condition } = open(memory);
    const other = open(again());
    let value = 0;
    const set = (to: number) => {
      using _guard = other.mutex.acquireSync();
      value = to;
      other.condition.notifyAll();
    };
    using guard = await mutex.acquire();
    const ask = () => {
      assert.equal(guard.held, true);
      return value > 1 && `${value}`;
    };
    const waiting = condition.waitFor(guard, ask);
    const isWaiting = () => until("the wait", () => condition.waiting === 1);
    await isWaiting();
    set(1);
    await isWaiting();
    set(2);
    assert.equal(await waiting, "2");
    assert.equal(condition.waitForSync(guard, ask), "2");
    assert.equal(await condition.waitFor(guard, () => Promise.resolve(ask())), "2");
    value = 0;
    assert.throws(() => condition.waitForSync(guard, ask, { timeout: 5 }), TIMED_OUT);
    await assert.rejects(condition.waitFor(guard, ask, { timeout: 5 }), TIMED_OUT);
    // A last look, after the time is over.
    let looks = 0;
    assert.equal(condition.waitForSync(guard, () => ++looks === 2, { timeout: 0 }), true);
    assert.equal(await condition.waitFor(guard, () => ++looks === 4, { timeout: 0 }), true);
    const thenable = () => Promise.resolve(true);
    assert.throws(() => condition.waitForSync(guard, thenable), /returned a promise. Use waitFor/);
    const failed = new Error("failed");
    const fail = () => {
      throw failed;
    };
    assert.throws(() => condition.waitForSync(guard, fail), failed);
    await assert.rejects(condition.waitFor(guard, fail), failed);
    assert.equal(guard.held, true);
  });

  itInBoth("keeps its memory open while a task waits", async (_memory, again) => {
    const opened = again();
    const { mutex, condition } = open(opened);
    const guard = mutex.acquireSync();
    const waiting = condition.wait(guard);
    assert.throws(() => opened.close(), /holds 1 of its locks/);
    condition.notify();
    await waiting;
    guard.release();
    opened.close();
    assert.throws(() => condition.notify(), TypeError);
    assert.throws(() => condition.waitSync(guard), TypeError);
  });

  it("is named in a segment, with its mutex", () => {
    const segment = Segment.anonymous();
    const [mutex, other] = [segment.mutex("mutex"), segment.mutex("other")];
    const condition = segment.condition("changed", mutex);
    assert.equal(segment.condition("changed", mutex), condition);
    assert.throws(() => segment.condition("changed", other), /the mutex at/);
    assert.throws(() => segment.condition("new", {} as Mutex), ourError(TypeError));
    assert.throws(
      () => segment.condition("new", Segment.anonymous().mutex("mutex")),
      ourError(TypeError),
    );
    const again = Segment.from(segment.handle);
    assert.throws(() => again.condition("changed", again.mutex("other")), ourError(TypeError));
    assert.equal(again.condition("changed", again.mutex("mutex")).notify(), 0);
    assert.ok(!segment.names().some(({ name }) => name === "new"));
    assert.equal(segment.removeName("changed"), true);
    assert.notEqual(segment.condition("changed", other), condition);
  });

  const withCondition = (body: Parameters<typeof withPrimitive<ReturnType<typeof open>>>[3]) =>
    withPrimitive("condition", AT + Condition.BYTES, open, body);

  it(
    "is notified by all runtimes together, the oldest first",
    LIMIT,
    withCondition(async (group) => {
      const { mutex, condition } = group.lock;
      for (const way of ["sync", "async"] as const) {
        const children = await Promise.all(RUNTIMES.map((name) => group.start(name)));
        for (const [i, child] of children.entries()) {
          tell(child, { act: "take", way });
          await until("a waiter", () => condition.waiting === i + 1);
        }
        for (const child of children) {
          mutex.lock();
          assert.equal(condition.notify(), 1);
          mutex.unlock();
          assert.equal((await outcomeOf(child)).got, true);
          assert.equal(mutex.tryAcquire(), undefined, "the waiter holds the mutex");
          await perform(child, { act: "give" });
        }
      }
    }),
  );

  for (const name of RUNTIMES) {
    for (const way of ["sync", "async"] as const) {
      it(
        `loses no notification by a waiter that is killed, ${way}: ${name}`,
        LIMIT,
        withCondition(async (group) => {
          const { condition } = group.lock;
          const children = await Promise.all([1, 2, 3].map(() => group.start(name)));
          for (const [i, child] of children.entries()) {
            tell(child, { act: "take", way });
            await until("a waiter", () => condition.waiting === i + 1);
          }
          const [before, after, last] = children;
          // One dies before it is notified, one afterwards, and the last one goes on.
          await kill(before);
          after.stop("SIGSTOP");
          await until("the stop", () => stateOf(after.pid) === "T");
          condition.notify(2);
          await kill(after);
          assert.equal((await outcomeOf(last)).got, true);
        }),
      );
    }

    it(
      `does not count a waiter that was killed: ${name}`,
      LIMIT,
      withCondition(async (group) => {
        const { condition } = group.lock;
        for (const way of ["sync", "async"] as const) {
          const child = await group.start(name);
          tell(child, { act: "take", way });
          await until("a waiter", () => condition.waiting === 1);
          await kill(child);
          assert.equal(condition.waiting, 0); // Though no other waiter has found its death.
        }
      }),
    );

    it(
      `tells a waiter of an owner that died meanwhile: ${name}`,
      LIMIT,
      withCondition(async (group) => {
        const { mutex, condition } = group.lock;
        for (const way of ["sync", "async"] as const) {
          const [waiter, holder] = await Promise.all([group.start(name), group.start(name)]);
          for (const [i, child] of [holder, waiter].entries()) {
            tell(child, { act: "take", way });
            await until("a waiter", () => condition.waiting === i + 1);
          }
          // Both want the mutex; the first one dies with it.
          condition.notify();
          assert.equal((await outcomeOf(holder)).got, true);
          condition.notify();
          await kill(holder);
          const { got, recovered, previous } = await outcomeOf(waiter);
          assert.deepEqual([got, recovered, previous?.pid], [true, true, holder.pid]);
          await perform(waiter, { act: "give" });
          mutex.acquireSync().release();
        }
      }),
    );
  }

  it(
    "throws after the death of an owner, if its mutex does so",
    LIMIT,
    withCondition(async (group) => {
      const mutex = new Mutex(group.memory, 0, { onOwnerDied: "throw" });
      const condition = new Condition(group.memory, AT, mutex);
      const child = await group.start();
      const guard = mutex.acquireSync();
      // It gets the mutex when this task waits, and keeps it.
      tell(child, { act: "lock" });
      await group.waits(child);
      const waiting = assert.rejects(condition.wait(guard), OwnerDiedError);
      assert.equal((await outcomeOf(child)).got, true);
      condition.notify();
      await kill(child);
      await waiting;
      assert.equal(guard.held, false);
      guard[Symbol.dispose](); // The program knows.
      assert.throws(() => mutex.acquireSync(), OwnerDiedError);
    }),
  );
});
