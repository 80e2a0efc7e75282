import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Latch, type LatchOptions, Memory } from "../../src/memory/mod.ts";
import { WRONG_OPTIONS, WRONG_TIMEOUT_RANGES } from "../contract/wrong_arguments.ts";
import { lookingSignal } from "../support/looking_signal.ts";
import { ourError } from "../support/our_error.ts";
import { assertOffsets, itInBoth } from "./fixtures/both_memories.ts";
import { RUNTIMES } from "./fixtures/lock_agents.ts";
import { kill, outcomeOf, perform, tell, withPrimitive } from "./fixtures/primitive_group.ts";

const LIMIT = { timeout: 60_000 };
const TWO = { count: 2 };
const TIMED_OUT = { name: "TimeoutError" };
/** As often as the processes count. */
const COUNT = 3;

describe("Latch", () => {
  it("takes offsets inside of the memory that are multiples of 8", () => {
    assertOffsets((memory, offset) => new Latch(memory, offset, TWO), 32, 8);
  });

  it("takes counts from 1 to 2^30", () => {
    const memory = Memory.anonymous(64);
    for (const count of [1, 2 ** 30]) assert.equal(new Latch(memory, 0, { count }).left, count);
    for (const count of [0, -1, 2 ** 30 + 1, 1.5, NaN, "1", null, undefined]) {
      const type = Number.isInteger(count) ? RangeError : TypeError;
      const make = () => new Latch(memory, 0, { count: count as number });
      assert.throws(make, ourError(type), String(count));
    }
    for (const options of [...WRONG_OPTIONS, undefined]) {
      assert.throws(() => new Latch(memory, 0, options as LatchOptions), ourError(TypeError));
    }
  });

  itInBoth("opens when it was counted down so often, and stays open", async (memory, again) => {
    const [latch, other] = [memory, again()].map((one) => new Latch(one, 0, { count: 5 }));
    assert.deepEqual([latch.left, latch.isOpen], [5, false]);
    latch.countDown();
    other.countDown(3);
    assert.deepEqual([latch.left, other.isOpen], [1, false]);
    for (const n of [0, -1, 2]) assert.throws(() => latch.countDown(n), ourError(RangeError));
    for (const n of [0.5, NaN, "1"] as number[]) {
      assert.throws(() => latch.countDown(n), ourError(TypeError));
    }
    assert.equal(latch.left, 1);
    latch.countDown();
    assert.deepEqual([other.left, other.isOpen], [0, true]);
    assert.throws(() => latch.countDown(), /it is open/);
    for (const options of [undefined, {}, { timeout: 0 }]) {
      other.waitSync(options);
      await other.wait(options);
    }
  });

  itInBoth("wakes all tasks when it opens, and none before", async (memory, again) => {
    const [latch, other] = [memory, again()].map((one) => new Latch(one, 0, TWO));
    let gone = 0;
    const waits = Array.from({ length: 100 }, () => latch.wait().then(() => gone++));
    other.countDown();
    await assert.rejects(latch.wait({ timeout: 5 }), TIMED_OUT);
    assert.equal(gone, 0);
    other.countDown();
    await Promise.all(waits);
  });

  itInBoth("ends a wait by its timeout or its signal", async (memory, again) => {
    const [latch, other] = [memory, again()].map((one) => new Latch(one, 0, TWO));
    for (const timeout of [0, 0.5, 20]) {
      const start = performance.now();
      const isTimeout = { ...TIMED_OUT, message: /not counted down 2 of 2 times/ };
      assert.throws(() => latch.waitSync({ timeout }), isTimeout);
      await assert.rejects(latch.wait({ timeout }), isTimeout);
      assert.ok(performance.now() - start >= 2 * timeout - 1);
    }
    for (const timeout of WRONG_TIMEOUT_RANGES) {
      assert.throws(() => latch.waitSync({ timeout }), ourError(RangeError));
      await assert.rejects(latch.wait({ timeout }), ourError(RangeError));
    }
    const reason = new Error("enough");
    const aborting = lookingSignal((look) => {
      if (look === 4) throw reason;
    });
    assert.throws(() => latch.waitSync({ signal: aborting }), reason);
    const controller = new AbortController();
    const waiting = assert.rejects(latch.wait({ signal: controller.signal }), reason);
    controller.abort(reason);
    await waiting;
    latch.waitSync({ signal: lookingSignal((look) => void (look === 4 && other.countDown(2))) });
  });

  itInBoth("rejects everything after the close of its memory", async (memory, again) => {
    const opened = again();
    const latch = new Latch(opened, 0, TWO);
    const waiting = assert.rejects(latch.wait(), TypeError);
    opened.close();
    await waiting;
    assert.throws(() => latch.countDown(), TypeError);
    assert.throws(() => latch.waitSync(), TypeError);
    assert.throws(() => latch.isOpen, TypeError);
    await assert.rejects(latch.wait(), TypeError);
    assert.equal(new Latch(memory, 0, TWO).left, 2);
  });

  for (const name of RUNTIMES) {
    it(
      `opens for processes, also after a waiter and one that had counted were killed: ${name}`,
      LIMIT,
      withPrimitive(
        "latch",
        Latch.BYTES,
        (memory) => new Latch(memory, 0, { count: COUNT }),
        async (group) => {
          const [killed, sleeper, task, counter] = await Promise.all(
            [name, name, name, undefined].map((name) => group.start(name)),
          );
          for (const child of [killed, sleeper]) tell(child, { act: "take", way: "sync" });
          tell(task, { act: "take", way: "async" });
          for (const child of [killed, sleeper, task]) await group.waits(child);
          await perform(counter, { act: "give" });
          await kill(killed);
          await kill(counter);
          assert.equal(group.lock.left, COUNT - 1);
          group.lock.countDown(COUNT - 1);
          for (const child of [sleeper, task]) assert.equal((await outcomeOf(child)).got, true);
        },
      ),
    );
  }
});
