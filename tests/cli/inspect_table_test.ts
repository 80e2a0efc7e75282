import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { segmentsReport } from "../../cli/inspect_table.ts";
import type { InspectedValue } from "../../src/memory/inspected_kinds.ts";

/** What the table shows of a value. */
function shown(value: InspectedValue, kind = "raw value Float64"): string {
  const cell = { name: "n", kind, value, waiters: [] };
  const slots = { used: 1, limit: 1023 };
  const report = segmentsReport([{ name: "s", path: "/s", size: 128, slots, cells: [cell] }]);
  return report.split("\n").at(-2)!.split("│")[3].trim();
}

describe("segmentsReport", () => {
  it("rounds no number", () => {
    assert.equal(shown(-12_345), "-12,345");
    assert.equal(shown(2n ** 60n + 1n), "1,152,921,504,606,846,977");
    for (const value of [0.1 + 0.2, 1e-25, -5e-324, 1.2345678901234567e-10, 1e300, NaN, Infinity]) {
      assert.equal(shown(value), `${value}`);
    }
    assert.equal(shown([0, 1e-25], "raw array Float64 3"), "0; 1e-25; …");
  });
});
