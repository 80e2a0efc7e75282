import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { regionOf } from "../../../src/memory/memory.ts";
import { lookingSignal } from "../../support/looking_signal.ts";
import { stateOf } from "../../support/thread_state.ts";
import { until } from "../../support/until.ts";
import { RUNTIMES, SLEEPERS, TASKS, withAgents } from "../fixtures/lock_agents.ts";

const LIMIT = { timeout: 60_000 };
const ROUNDS = 10;
/** How long a waiter that is not woken is waited for, in milliseconds. */
const IN_VAIN = 20_000;

describe("A release", () => {
  for (const [way, bit] of [["acquireSync", SLEEPERS], ["async", TASKS]] as const) {
    for (const name of RUNTIMES) {
      it(
        `wakes a waiter in ${way}: ${name}`,
        LIMIT,
        withAgents(async (group) => {
          const waiter = await group.process(name);
          await waiter.do({ act: "patient" });
          const mutex = group.mutex(0);
          // A task may get it in the first round because its helper has just started.
          for (let i = 0; i < ROUNDS; i++) {
            const guard = mutex.acquireSync();
            waiter.tell({ act: "take", mutex: 0, way });
            await group.waited(0, bit);
            await until("the sleep", () => stateOf(waiter.child.pid) === "S");
            guard.release();
            const got = waiter.outcome().then(({ got }) => got);
            const late = sleep(IN_VAIN, "it was not woken", { ref: false });
            assert.equal(await Promise.race([got, late]), true);
            await waiter.do({ act: "release", mutex: 0 });
          }
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
