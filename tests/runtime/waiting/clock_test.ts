import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { monotonicNanoseconds } from "../../../src/runtime/mod.ts";
import { Child } from "../../support/child.ts";

describe("The clock", () => {
  it("never goes back, and advances", () => {
    const first = monotonicNanoseconds();
    let last = first;
    for (let i = 0; i < 10_000; i++) {
      const now = monotonicNanoseconds();
      assert.ok(now >= last, `${now} after ${last}`);
      last = now;
    }
    assert.ok(last > first);
    assert.ok(Number.isSafeInteger(last) || last > 2 ** 53);
  });

  it("is in nanoseconds", () => {
    // Each of the three measures what is inside of it, however long the thread does not run.
    const outer = performance.now();
    const start = monotonicNanoseconds();
    const inner = performance.now();
    while (performance.now() - inner < 20);
    const inside = performance.now() - inner;
    const measured = (monotonicNanoseconds() - start) / 1e6;
    const outside = performance.now() - outer;
    // The other clock may be rounded.
    const isBetween = measured <= outside && measured >= inside - 1;
    assert.ok(isBetween, `${measured} ms, from ${inside} to ${outside} ms`);
  });

  it("is the same in another process", { timeout: 60_000 }, async () => {
    const child = Child.here(new URL("../fixtures/clock_process.ts", import.meta.url));
    try {
      for (let i = 0; i < 3; i++) {
        const before = monotonicNanoseconds();
        child.tell("what time is it?");
        const there = Number(await child.line());
        const after = monotonicNanoseconds();
        assert.ok(before <= there && there <= after, `${before} <= ${there} <= ${after}`);
      }
    } finally {
      child.kill();
      await child.ended;
    }
  });
});
