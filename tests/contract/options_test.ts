import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { deadlineOf } from "../../src/contract/options.ts";

describe("deadlineOf", () => {
  it("is never where no timeout is given", () => {
    assert.equal(deadlineOf(undefined), Infinity);
    assert.equal(deadlineOf({}), Infinity);
    assert.equal(deadlineOf({ timeout: undefined }), Infinity);
    assert.equal(deadlineOf({ timeout: Infinity }), Infinity);
  });

  it("is so many milliseconds after the call, on the monotonic clock", () => {
    for (const timeout of [0, 0.25, 1, 5000, Number.MAX_SAFE_INTEGER]) {
      const before = performance.now();
      const deadline = deadlineOf({ timeout });
      const after = performance.now();
      assert.ok(before + timeout <= deadline && deadline <= after + timeout, String(timeout));
    }
  });

  it("refuses a timeout below 0 or NaN and says which it was", () => {
    for (const timeout of [-Number.MIN_VALUE, -1, -Infinity, NaN]) {
      assert.throws(
        () => deadlineOf({ timeout }),
        (error) => error instanceof RangeError && error.message.includes(String(timeout)),
      );
    }
    assert.ok(Number.isFinite(deadlineOf({ timeout: -0 })));
  });

  it("refuses what is not a number", () => {
    for (const timeout of [null, "100", true, 1n, {}, Symbol("1")]) {
      assert.throws(() => deadlineOf({ timeout: timeout as number }), TypeError);
    }
  });
});
