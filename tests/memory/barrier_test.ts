import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { BrokenBarrierError } from "../../src/contract/mod.ts";
import { Barrier, type BarrierOptions, Memory, Segment } from "../../src/memory/mod.ts";
import { WRONG_OPTIONS, WRONG_TIMEOUT_RANGES } from "../contract/wrong_arguments.ts";
import { ourError } from "../support/our_error.ts";
import { until } from "../support/until.ts";
import { assertOffsets, itInBoth } from "./fixtures/both_memories.ts";
import { RUNTIMES } from "./fixtures/lock_agents.ts";
import {
  kill,
  outcomeOf,
  perform,
  type PrimitiveGroup,
  tell,
  withPrimitive,
} from "./fixtures/primitive_group.ts";

const LIMIT = { timeout: 60_000 };
const BROKEN = { name: "BrokenBarrierError" };
/** As many as the processes use. */
const PARTIES = 3;

describe("Barrier", () => {
  it("takes offsets inside of the memory that are multiples of 8", () => {
    assertOffsets((memory, offset) => new Barrier(memory, offset, { parties: 33 }), 384, 8);
    assert.equal(Barrier.bytes(33), 384);
  });

  it("takes 1 to 1,023 parties and a function", () => {
    const memory = Memory.anonymous(1);
    for (const parties of [1, 1023]) new Barrier(memory, 0, { parties });
    for (const parties of [0, -1, 1024, 1.5, NaN, "1", null, undefined]) {
      const type = Number.isInteger(parties) ? RangeError : TypeError;
      const make = () => new Barrier(memory, 0, { parties: parties as number });
      assert.throws(make, ourError(type), String(parties));
    }
    for (const options of [...WRONG_OPTIONS, undefined, { parties: 1, action: 1 }]) {
      assert.throws(() => new Barrier(memory, 0, options as BarrierOptions), ourError(TypeError));
    }
  });

  itInBoth("lets all go on when the last one arrives, again and again", async (memory, again) => {
    const [one, other] = [memory, again()].map((one) => new Barrier(one, 0, { parties: PARTIES }));
    for (let i = 0; i < 100; i++) {
      const waits = [one.wait(), other.wait()];
      assert.deepEqual([one.waiting, one.broken], [2, false]);
      assert.equal(i % 2 === 0 ? other.waitSync({ timeout: 0 }) : await one.wait(), 2);
      assert.deepEqual(await Promise.all(waits), [0, 1]);
    }
    assert.equal(one.waiting, 0);
    one.leave();
    other.leave();
    assert.equal(new Barrier(memory, 0, { parties: PARTIES }).waiting, 0);
  });

  itInBoth("runs its action in the last one, before the others go on", async (memory) => {
    const order: string[] = [];
    const action = () => void order.push("action");
    const barrier = new Barrier(memory, 0, { parties: 2, action });
    for (let i = 0; i < 2; i++) {
      const wait = barrier.wait().then(() => order.push("goes on"));
      barrier.waitSync();
      await wait;
    }
    assert.deepEqual(order, ["action", "goes on", "action", "goes on"]);
    const failed = new Error("failed");
    const failing = new Barrier(memory, 0, {
      parties: 2,
      action: () => {
        throw failed;
      },
    });
    const wait = assert.rejects(barrier.wait(), BROKEN);
    assert.throws(() => failing.waitSync(), failed);
    await wait;
    barrier.reset();
    const promising = new Barrier(memory, 0, { parties: 1, action: () => Promise.resolve() });
    await assert.rejects(promising.wait(), /returned a promise/);
    assert.equal(barrier.broken, true);
    barrier.leave();
  });

  itInBoth("lets more tasks than parties wait, also during an action", async (memory) => {
    let actions = 0;
    const barrier = new Barrier(memory, 0, { parties: 2, action: () => void actions++ });
    const all = await Promise.all(Array.from({ length: 100 }, () => barrier.wait()));
    assert.deepEqual(all, Array.from({ length: 100 }, (_, i) => i % 2));
    assert.equal(actions, 50);
    barrier.leave();
  });

  itInBoth("breaks when a wait gives up, until a reset", async (memory, again) => {
    const [one, other] = [memory, again()].map((one) => new Barrier(one, 0, { parties: PARTIES }));
    for (const timeout of WRONG_TIMEOUT_RANGES) {
      assert.throws(() => one.waitSync({ timeout }), ourError(RangeError));
      await assert.rejects(one.wait({ timeout }), ourError(RangeError));
    }
    assert.equal(one.waiting, 0);
    const late = { name: "TimeoutError", message: /2 of 3 parties arrived in time/ };
    const reason = new Error("enough");
    const controller = new AbortController();
    for (
      const end of [
        () => assert.throws(() => one.waitSync({ timeout: 5 }), late),
        () => assert.rejects(one.wait({ timeout: 5 }), late),
        () => {
          setTimeout(() => controller.abort(reason), 1);
          return assert.rejects(one.wait({ signal: controller.signal }), reason);
        },
        () => one.abort(),
      ]
    ) {
      const wait = assert.rejects(other.wait(), BrokenBarrierError);
      await end();
      await wait;
      assert.equal(other.broken, true);
      assert.throws(() => other.waitSync(), BROKEN);
      await assert.rejects(other.wait(), BROKEN);
      other.reset();
      assert.deepEqual([one.broken, one.waiting], [false, 0]);
    }
    await assert.rejects(one.wait({ signal: controller.signal }), reason);
    assert.equal(one.broken, false); // It was aborted before.
    // A reset ends the waits of that moment, and no others.
    for (let i = 0; i < 40; i++) {
      const waits = [one.wait(), one.wait()];
      const broken = waits.map((wait) => assert.rejects(wait, BROKEN));
      other.reset();
      await Promise.all(broken);
      const next = [one.wait(), one.wait(), one.wait()];
      // They have passed, whatever happens before they look.
      other.abort();
      other.reset();
      assert.deepEqual(await Promise.all(next), [0, 1, 2]);
    }
    one.leave();
    other.leave();
  });

  itInBoth("keeps its memory open until its party leaves", (_memory, again) => {
    const opened = again();
    const barrier = new Barrier(opened, 0, { parties: 1 });
    barrier.join();
    barrier.join();
    assert.equal(barrier.waitSync(), 0);
    assert.throws(() => opened.close(), /holds 1 of its locks.*a barrier until leave\(\)/);
    barrier.leave();
    barrier.leave();
    opened.close();
    assert.throws(() => barrier.waitSync(), TypeError);
  });

  it("has one barrier for a name, with one number of parties", () => {
    const segment = Segment.anonymous(4096);
    const barrier = segment.barrier("a", { parties: 1 });
    assert.equal(segment.barrier("a", { parties: 1 }), barrier);
    assert.throws(() => segment.barrier("a", { parties: 2 }), /"a".*barrier 2.*barrier 1/);
    assert.throws(() => segment.barrier("b", { parties: 0 }), RangeError);
    assert.equal(barrier.waitSync(), 0);
    assert.equal(segment.removeName("a"), true);
    assert.notEqual(segment.barrier("a", { parties: 1 }), barrier);
    barrier.leave();
  });

  const withBarrier = (body: (group: PrimitiveGroup<Barrier>) => Promise<void>) =>
    withPrimitive(
      "barrier",
      Barrier.bytes(PARTIES),
      (memory) => new Barrier(memory, 0, { parties: PARTIES }),
      body,
    );

  it(
    "lets processes of all runtimes go on together",
    LIMIT,
    withBarrier(async (group) => {
      const children = await Promise.all(RUNTIMES.map((name) => group.start(name)));
      for (const way of ["sync", "async", "sync"] as const) {
        for (const child of children) tell(child, { act: "take", way });
        const indexes = (await Promise.all(children.map(outcomeOf))).map(({ index }) => index!);
        assert.deepEqual(indexes.toSorted(), [0, 1, 2]);
      }
      // All have joined.
      assert.throws(() => group.lock.join(), ourError(RangeError));
      await perform(children[0], { act: "give" });
      group.lock.join();
      await kill(children[0]);
      for (const child of children.slice(1)) tell(child, { act: "take" });
      await until("the others", () => group.lock.waiting === 2);
      assert.equal(group.lock.waitSync(), 2);
      group.lock.leave();
    }),
  );

  for (const name of RUNTIMES) {
    it(
      `breaks when a party is killed, and is new when all are: ${name}`,
      LIMIT,
      withBarrier(async (group) => {
        const { lock } = group;
        const [sleeper, task, killed] = await Promise.all([1, 2, 3].map(() => group.start(name)));
        for (const child of [sleeper, task, killed]) tell(child, { act: "take" });
        await Promise.all([sleeper, task, killed].map(outcomeOf));
        tell(sleeper, { act: "take", way: "sync" });
        tell(task, { act: "take", way: "async" });
        await until("the waiters", () => lock.waiting === 2);
        await kill(killed);
        for (const child of [sleeper, task]) {
          assert.equal((await outcomeOf(child)).error, "BrokenBarrierError");
        }
        assert.equal(lock.broken, true);
        assert.equal((await perform(task, { act: "take" })).error, "BrokenBarrierError");
        lock.reset();
        // One is killed while it waits.
        tell(task, { act: "take", way: "sync" });
        await until("the waiter", () => lock.waiting === 1);
        await kill(task);
        assert.equal((await perform(sleeper, { act: "take" })).error, "BrokenBarrierError");
        await kill(sleeper);
        const next = await Promise.all([1, 2, 3].map(() => group.start(name)));
        for (const child of next) tell(child, { act: "take" });
        const indexes = (await Promise.all(next.map(outcomeOf))).map(({ index }) => index!);
        assert.deepEqual(indexes.toSorted(), [0, 1, 2]);
      }),
    );
  }
});
