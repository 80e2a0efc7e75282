import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { regionOf } from "../../src/memory/memory.ts";
import { monotonicNanoseconds } from "../../src/runtime/mod.ts";
import { lookingSignal } from "../support/looking_signal.ts";
import { atTable, RUNTIMES, SLEEPERS, TASKS } from "./fixtures/lock_agents.ts";

const LIMIT = { timeout: 30_000 };
const ROUNDS = 40;
/**
 * Milliseconds. Who is not woken looks by itself after up to 4, a quarter of them so within 1;
 * a wake takes a tenth of one.
 */
const QUARTER = 0.9;

describe("A release", () => {
  for (const [way, bit] of [["acquireSync", SLEEPERS], ["async", TASKS]] as const) {
    for (const name of RUNTIMES) {
      it(
        `wakes who waits by ${way}: ${name}`,
        LIMIT,
        atTable(async (table) => {
          const waiter = await table.process(name);
          const mutex = table.mutex(0);
          const times: number[] = [];
          for (let i = 0; i < ROUNDS; i++) {
            const guard = mutex.acquireSync();
            waiter.tell({ act: "take", mutex: 0, way });
            await table.waited(0, bit);
            regionOf(table.memory).nap(i % 7); // It has begun to sleep, and the phase of its looks is any.
            const start = monotonicNanoseconds();
            guard.release();
            while (table.word(0) === 0 && monotonicNanoseconds() - start < 1e8) {
              regionOf(table.memory).nap(0.05);
            }
            times.push((monotonicNanoseconds() - start) / 1e6);
            assert.equal((await waiter.outcome()).got, true);
            await waiter.do({ act: "release", mutex: 0 });
          }
          const quarter = times.sort((a, b) => a - b)[ROUNDS / 4];
          assert.ok(quarter < QUARTER, `a quarter of the wakes took up to ${quarter} ms`);
        }),
      );
    }
  }
});

describe("A thread that gives up after it has slept", () => {
  it(
    "leaves word that others may sleep",
    LIMIT,
    atTable(async (table) => {
      const holder = await table.process();
      await holder.take(0);
      const { atomics } = regionOf(table.memory);
      const at = regionOf(table.memory).resolve(0, 4, 4);
      const owner = atomics.load32(at);
      const reason = new Error("enough");
      let looks = 0;
      const signal = lookingSignal(() => {
        // It has slept; meanwhile the lock was given back and taken again, which took its mark away.
        if (++looks < 3 || atomics.load32(at) === owner) return;
        atomics.store32(at, owner);
        throw reason;
      });
      assert.throws(() => table.mutex(0).acquireSync({ signal }), reason);
      assert.equal(atomics.load32(at), owner | SLEEPERS);
    }),
  );
});
