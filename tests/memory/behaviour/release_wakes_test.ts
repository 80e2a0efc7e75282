import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { MUTEX } from "../../../src/memory/layout.ts";
import { regionOf } from "../../../src/memory/memory.ts";
import { monotonicNanoseconds } from "../../../src/runtime/mod.ts";
import { lookingSignal } from "../../support/looking_signal.ts";
import { RUNTIMES, SLEEPERS, TASKS, withAgents } from "../fixtures/lock_agents.ts";

const LIMIT = { timeout: 30_000 };
const ROUNDS = 40;
/**
 * In milliseconds. A thread that is not woken looks by itself after 50, if another one has promised
 * to look; a task after up to 4, so a quarter of them look within 1. A wake takes a tenth of one.
 */
const QUARTER = { acquireSync: 20, async: 0.9 };
/** How far ahead a promise to look is, in microseconds. */
const PROMISE = 30_000;

describe("A release", () => {
  for (const [way, bit] of [["acquireSync", SLEEPERS], ["async", TASKS]] as const) {
    for (const name of RUNTIMES) {
      it(
        `wakes a waiter in ${way}: ${name}`,
        LIMIT,
        withAgents(async (group) => {
          const waiter = await group.process(name);
          const mutex = group.mutex(0);
          const times: number[] = [];
          for (let i = 0; i < ROUNDS; i++) {
            const guard = mutex.acquireSync();
            const region = regionOf(group.memory);
            const look = region.resolve(0, MUTEX.bytes, 8) + MUTEX.look;
            region.atomics.store32(look, (region.now() + PROMISE) | 0);
            waiter.tell({ act: "take", mutex: 0, way });
            await group.waited(0, bit);
            regionOf(group.memory).nap(i % 7); // By now it sleeps; the time of its next look is random.
            const start = monotonicNanoseconds();
            guard.release();
            while (group.word(0) === 0 && monotonicNanoseconds() - start < 1e8) {
              regionOf(group.memory).nap(0.05);
            }
            times.push((monotonicNanoseconds() - start) / 1e6);
            assert.equal((await waiter.outcome()).got, true);
            await waiter.do({ act: "release", mutex: 0 });
          }
          const quarter = times.sort((a, b) => a - b)[ROUNDS / 4];
          assert.ok(quarter < QUARTER[way], `a quarter of the wakes took up to ${quarter} ms`);
        }),
      );
    }
  }
});

describe("A thread that gives up after it has slept", () => {
  it(
    "marks the word again, for others that may sleep",
    LIMIT,
    withAgents(async (group) => {
      const holder = await group.process();
      await holder.take(0);
      const { atomics } = regionOf(group.memory);
      const at = regionOf(group.memory).resolve(0, 4, 4);
      const owner = atomics.load32(at);
      const reason = new Error("enough");
      let looks = 0;
      const signal = lookingSignal(() => {
        // It has slept. Meanwhile a release and an acquire have cleared its mark.
        if (++looks < 3 || atomics.load32(at) === owner) return;
        atomics.store32(at, owner);
        throw reason;
      });
      assert.throws(() => group.mutex(0).acquireSync({ signal }), reason);
      assert.equal(atomics.load32(at), owner | SLEEPERS);
    }),
  );
});
