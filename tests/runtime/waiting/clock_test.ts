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
    const start = performance.now();
    const before = monotonicNanoseconds();
    while (performance.now() - start < 20);
    const inside = monotonicNanoseconds() - before;
    const outside = performance.now() - start;
    // `inside` began after `start` and ended before `outside`; both measured most of the 20 ms.
    assert.ok(inside <= outside * 1e6, `${inside} ns in ${outside} ms`);
    assert.ok(inside > 1e6, `${inside} ns in ${outside} ms`);
  });

  it("is the same in another process", { timeout: 30_000 }, async () => {
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
