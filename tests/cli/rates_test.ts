import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Rates } from "../../cli/rates.ts";
import type { InspectedValue } from "../../src/memory/inspected_kinds.ts";
import type { SegmentView } from "../../src/memory/inspection.ts";

function segmentWith(value: InspectedValue): SegmentView {
  return { name: "s", path: "/s", size: 1, cells: [{ name: "n", kind: "k", value, waiters: [] }] };
}

describe("Rates", () => {
  it("are the changes of numbers between two looks, for each second", () => {
    const rates = new Rates();
    const rateAfter = (value: InspectedValue, now: number) => {
      const segment = segmentWith(value);
      rates.note([segment], now);
      return rates.of(segment, segment.cells![0]);
    };
    assert.equal(rateAfter(10, 1000), undefined);
    assert.equal(rateAfter(30, 3000), 10);
    assert.equal(rateAfter(20n, 3500), -20);
    assert.equal(rateAfter(true, 4000), undefined);
    assert.equal(rateAfter(1, 5000), undefined);
  });

  it("are exact beyond 2^53", () => {
    const rates = new Rates();
    const [before, after] = [2n ** 60n, 2n ** 60n + 3n].map((value) => segmentWith(value));
    rates.note([before], 1000);
    rates.note([after], 2000);
    assert.equal(rates.of(after, after.cells![0]), 3);
  });
});
