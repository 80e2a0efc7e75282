import assert from "node:assert/strict";
import { describe } from "node:test";
import { HEADER, MUTEX } from "../../src/memory/layout.ts";
import { LookDuty } from "../../src/memory/look_duty.ts";
import { regionOf } from "../../src/memory/memory.ts";
import type { Memory } from "../../src/memory/mod.ts";
import { MAX_SLEEP, type Region } from "../../src/memory/region.ts";
import { itInBoth } from "./fixtures/both_memories.ts";

const AT = HEADER.end;
const SOON = 4;

/** The region of a memory, whose clock stands still at `time.now`, and which notes its wakes. */
function stopped(memory: Memory): { region: Region; at: number; time: { now: number } } & {
  wakes: number[];
} {
  const region = regionOf(memory);
  const time = { now: 2 ** 33 + 1_000_000 };
  const wakes: number[] = [];
  region.now = () => time.now;
  region.wake = (at, count) => void wakes.push(at, count);
  return { region, at: region.base + AT, time, wakes };
}

describe("The duty to look after an owner", () => {
  itInBoth("belongs to one waiter, until its time is over", (memory) => {
    const { region, at, time } = stopped(memory);
    const [one, other] = [new LookDuty(region, at), new LookDuty(region, at)];
    assert.equal(one.take(SOON), SOON);
    assert.equal(other.take(SOON), MAX_SLEEP);
    time.now += 2000;
    assert.equal(one.take(SOON), SOON, "it promises again");
    time.now += 3000;
    assert.equal(other.take(SOON), MAX_SLEEP, "the second promise counts");
    time.now += 1000;
    assert.equal(other.take(SOON), SOON, "that waiter may be dead");
    assert.equal(one.take(SOON), MAX_SLEEP);
  });

  itInBoth("passes to another waiter when its waiter leaves", (memory) => {
    const { region, at, wakes } = stopped(memory);
    const [one, other] = [new LookDuty(region, at), new LookDuty(region, at)];
    one.take(SOON);
    other.take(SOON);
    other.leave();
    assert.deepEqual(wakes, [], "it had no duty");
    one.leave();
    assert.deepEqual(wakes, [at, 1]);
    assert.equal(region.atomics.load32(at + MUTEX.look), 0);
    assert.equal(other.take(SOON), SOON);
  });

  itInBoth("is left to the waiter that has it, by one that lost it", (memory) => {
    const { region, at, time, wakes } = stopped(memory);
    const [late, other] = [new LookDuty(region, at), new LookDuty(region, at)];
    late.take(SOON);
    time.now += 5000;
    other.take(SOON);
    const promise = region.atomics.load32(at + MUTEX.look);
    late.leave();
    assert.equal(region.atomics.load32(at + MUTEX.look), promise);
    assert.deepEqual(wakes, []);
  });

  itInBoth("is free if its promise is by another clock", (memory) => {
    const { region, at, time } = stopped(memory);
    for (const ahead of [60e6, 2 ** 31, -1, -60e6]) {
      region.atomics.store32(at + MUTEX.look, (time.now + ahead) | 0);
      assert.equal(new LookDuty(region, at).take(SOON), SOON, `${ahead} us`);
    }
    // The low half of the time is 0 just when the promise ends.
    time.now = 2 ** 33 - SOON * 1000;
    region.atomics.store32(at + MUTEX.look, 0);
    assert.equal(new LookDuty(region, at).take(SOON), SOON);
    assert.equal(new LookDuty(region, at).take(SOON), MAX_SLEEP);
  });
});
