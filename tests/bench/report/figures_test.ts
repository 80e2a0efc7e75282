import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  duration,
  geometricMean,
  listed,
  multiple,
  range,
  times,
} from "../../../bench/report/figures.ts";

describe("duration", () => {
  it("has three digits and a suitable unit", () => {
    const texts = [4.58, 0.25, 99.96, 975, 999.4, 999.6, 24_600, 1.16e6, 999_600, 2.5e9];
    assert.deepEqual(
      texts.map(duration),
      [
        "4.6 ns",
        "0.25 ns",
        "100 ns",
        "975 ns",
        "999 ns",
        "1.0 µs",
        "24.6 µs",
        "1.2 ms",
        "1.0 ms",
        "2.5 s",
      ],
    );
  });
});

describe("times", () => {
  it("has only significant digits", () => {
    assert.deepEqual([0.0167, 0.44, 1, 2.449, 9.96, 23.6, 1304.2].map(times), [
      "0.017",
      "0.44",
      "1.0",
      "2.4",
      "10",
      "24",
      "1,304",
    ]);
  });
});

describe("geometricMean", () => {
  it("is 1 for a half and a double", () => {
    assert.ok(Math.abs(geometricMean([0.5, 2]) - 1) < 1e-12);
    assert.ok(Math.abs(geometricMean([1, 10, 100]) - 10) < 1e-9);
  });
});

describe("range", () => {
  it("names a shared unit once", () => {
    assert.equal(range([4.8, 4.2, 4.5], duration), "4.2 to 4.8 ns");
    assert.equal(range([980, 1200], duration), "980 ns to 1.2 µs");
    assert.equal(range([2, 2.01], multiple), "2.0×");
    assert.equal(range([17, 49], times), "17 to 49");
  });
});

describe("listed", () => {
  it('puts "and" before the last', () => {
    assert.equal(listed([]), "");
    assert.equal(listed(["a"]), "a");
    assert.equal(listed(["a", "b"]), "a and b");
    assert.equal(listed(["a", "b", "c"]), "a, b and c");
  });
});
