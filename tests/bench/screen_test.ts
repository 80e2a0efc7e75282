import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { clock, formatTime } from "../../bench/screen.ts";

describe("the time that a bench takes", () => {
  it("is shown in minutes and seconds", () => {
    assert.equal(clock(4_400), "0:04");
    assert.equal(clock(59_700), "1:00");
    assert.equal(clock(605_000), "10:05");
  });
});

describe("a time on the screen", () => {
  it("has a suitable unit and three digits", () => {
    assert.equal(formatTime(4.581), "4.58 ns");
    assert.equal(formatTime(16_420), "16.4 µs");
    assert.equal(formatTime(312_000_000), "312 ms");
    assert.equal(formatTime(1_500_000_000), "1.50 s");
  });
});
