import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { latencyOf, median, noiseOf, spreadOf } from "../../bench/statistics.ts";

describe("the statistics of the bench", () => {
  it("take the value in the middle, or the mean of two", () => {
    assert.equal(median([30, 1, 2]), 2);
    assert.equal(median([30, 1, 2, 4]), 3);
    assert.equal(median([7]), 7);
  });

  it("compute percentiles by the nearest rank", () => {
    const samples = Array.from({ length: 1000 }, (_, i) => 1000 - i);
    assert.deepEqual(latencyOf(samples), { p50: 500, p99: 990, p999: 999, max: 1000 });
    assert.deepEqual(latencyOf([5]), { p50: 5, p99: 5, p999: 5, max: 5 });
  });

  it("define the noise as the median spread of the rows", () => {
    assert.equal(spreadOf({ rounds: [9, 10, 12] }), 0.3);
    assert.equal(noiseOf([{ rounds: [10, 10] }, { rounds: [9, 11] }, { rounds: [5, 15] }]), 0.2);
    assert.equal(noiseOf([]), 0);
  });
});
