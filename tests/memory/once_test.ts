import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { DeadlockError } from "../../src/contract/mod.ts";
import { HEADER, ONCE } from "../../src/memory/layout.ts";
import { regionOf } from "../../src/memory/memory.ts";
import { Memory, Once, type OnceOptions, Segment } from "../../src/memory/mod.ts";
import { WRONG_FUNCTIONS, WRONG_OPTIONS } from "../contract/wrong_arguments.ts";
import { ourError } from "../support/our_error.ts";
import { assertOffsets, itInBoth } from "./fixtures/both_memories.ts";
import { RUNTIMES } from "./fixtures/lock_agents.ts";
import { kill, outcomeOf, perform, tell, withPrimitive } from "./fixtures/primitive_group.ts";

const LIMIT = { timeout: 60_000 };

describe("Once", () => {
  it("takes offsets inside of the memory that are multiples of 8", () => {
    assertOffsets((memory, offset) => new Once(memory, offset, { size: 129 }), 384, 8);
  });

  it("takes sizes from 0 to 2^20", () => {
    const memory = Memory.anonymous(2 ** 21);
    for (const size of [0, 2 ** 20]) assert.equal(new Once(memory, 0, { size }).size, size);
    for (const size of [-1, 2 ** 20 + 1, 1.5, NaN, "1", null]) {
      const type = Number.isInteger(size) ? RangeError : TypeError;
      assert.throws(() => new Once(memory, 0, { size: size as number }), ourError(type));
    }
    for (const options of WRONG_OPTIONS) {
      assert.throws(() => new Once(memory, 0, options as OnceOptions), ourError(TypeError));
    }
  });

  itInBoth("makes a value once, and remembers it", async (memory, again) => {
    const values = [undefined, null, 0, "ä\ufeff", [1, { a: [] }], new Uint8Array([0, 255]), ""];
    for (const [i, value] of values.entries()) {
      const [once, other] = [memory, again()].map((one) => new Once(one, i * 2048));
      let runs = 0;
      const init = () => {
        runs++;
        return i % 2 === 0 ? value : Promise.resolve(value);
      };
      assert.equal(once.isDone, false);
      const all = await Promise.all([once.get(init), other.get(init), once.get(init)]);
      assert.deepEqual(all, [value, value, value]);
      assert.deepEqual([runs, other.isDone, other.getSync(() => value)], [1, true, value]);
    }
    const object = new Once(memory, 4 * 2048);
    const got = object.getSync(() => [] as unknown[]);
    got.push(2);
    assert.notDeepEqual(object.getSync(() => []), got); // It is a copy.
  });

  itInBoth(
    "runs the next function if one throws, or its value cannot be stored",
    async (memory) => {
      const once = new Once(memory, 0, { size: 8 });
      const failed = new Error("failed");
      const fail = () => {
        throw failed;
      };
      assert.throws(() => once.getSync(fail), failed);
      await assert.rejects(once.get(fail), failed);
      await assert.rejects(once.get(() => Promise.reject(failed)), failed);
      for (const value of ["1234567", new Uint8Array(9)]) {
        assert.throws(() => once.getSync(() => value), /has 9 bytes.*room for 8/);
        await assert.rejects(once.get(() => value), ourError(RangeError));
      }
      const circle: unknown[] = [];
      circle.push(circle);
      const changed = [NaN, -Infinity, 1n, [, 1], { a: undefined }, new Date(0), new Map(), circle];
      for (const value of [() => {}, Symbol("s"), ...changed]) {
        assert.throws(() => once.getSync(() => value), ourError(TypeError));
        await assert.rejects(once.get<unknown>(() => value), ourError(TypeError));
      }
      assert.throws(() => once.getSync(() => Promise.resolve(1)), /returned a promise. Use get/);
      assert.throws(() => once.getSync(() => once.getSync(() => 1)), DeadlockError);
      for (const init of WRONG_FUNCTIONS as (() => void)[]) {
        assert.throws(() => once.getSync(init), ourError(TypeError));
        await assert.rejects(once.get(init), ourError(TypeError));
      }
      assert.equal(once.isDone, false);
      assert.equal(once.getSync(() => "123456"), "123456");
    },
  );

  itInBoth("ends a wait for another function by its timeout", async (memory, again) => {
    const [once, other] = [memory, again()].map((one) => new Once(one, 0));
    const { promise, resolve } = Promise.withResolvers<number>();
    const first = once.get(() => promise);
    await assert.rejects(other.get(() => 2, { timeout: 5 }), { name: "TimeoutError" });
    assert.throws(() => other.getSync(() => 2, { timeout: 5 }), DeadlockError);
    const second = other.get(() => 2);
    resolve(1);
    assert.deepEqual(await Promise.all([first, second]), [1, 1]);
  });

  itInBoth("says that a value is damaged", async (memory) => {
    const once = new Once(memory, 0, { size: 8 });
    once.getSync(() => "x");
    const { atomics, base } = regionOf(memory);
    const state = base + HEADER.end + ONCE.state;
    const made = atomics.load32(state);
    // No kind; far too long; a text that is no JSON; negative.
    for (const wrong of [4 << 2, 1000 << 2 | 2, 2 << 2 | 2, -1]) {
      atomics.store32(state, wrong);
      const expected = { name: "SegmentFormatError", message: /the value is damaged/ };
      assert.throws(() => once.getSync(() => "y"), expected);
      await assert.rejects(once.get(() => "y"), expected);
    }
    atomics.store32(state, made);
    assert.equal(once.getSync(() => "y"), "x");
  });

  it("has one value for a name, of one size", async () => {
    const segment = Segment.anonymous();
    const once = segment.once("a");
    assert.equal(segment.once("a", { size: 1024 }), once);
    assert.throws(() => segment.once("a", { size: 1 }), /"a".*once 1.*once 1024/);
    assert.throws(() => segment.once("b", { size: -1 }), RangeError);
    const { promise, resolve } = Promise.withResolvers<string>();
    const got = once.get(() => promise);
    assert.throws(() => segment.removeName("a"), /its lock is held/);
    resolve("x");
    assert.equal(await got, "x");
    assert.equal(Segment.from(segment.handle).once("a").getSync(() => "y"), "x");
    assert.equal(segment.removeName("a"), true);
    assert.equal(segment.once("a").isDone, false);
  });

  for (const name of RUNTIMES) {
    it(
      `runs the function of the next process if one is killed: ${name}`,
      LIMIT,
      withPrimitive("once", Once.bytes(1024), (memory) => new Once(memory, 0), async (group) => {
        const children = await Promise.all(
          [name, ...RUNTIMES].map((name) => group.start(name)),
        );
        const [runner, killed, ...others] = children;
        assert.equal((await perform(runner, { act: "lock" })).got, true); // It never ends.
        tell(killed, { act: "take", way: "sync" });
        for (const child of others) tell(child, { act: "take", way: "async" });
        for (const child of [killed, ...others]) await group.waits(child);
        await kill(killed);
        assert.equal(group.lock.isDone, false);
        await kill(runner);
        const indexes = (await Promise.all(others.map(outcomeOf))).map(({ index }) => index);
        assert.equal(new Set(indexes).size, 1);
        assert.ok(others.some(({ pid }) => pid === indexes[0]), "none of them has run it");
        assert.equal(group.lock.getSync(() => 0), indexes[0]);
      }),
    );
  }
});
