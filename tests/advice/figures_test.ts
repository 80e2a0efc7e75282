import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CANDIDATES } from "../../src/advice/candidates.ts";
import { figuresFor, rowIds } from "../../src/advice/figures.ts";

describe("figuresFor", () => {
  it("keeps only the figures that advice needs", () => {
    const [{ measured }] = CANDIDATES;
    const { alone } = rowIds(measured, "node");
    const kept = figuresFor({
      when: "2026-01-02T03:04:05Z",
      machine: { cpu: "made up", cores: 2 },
      rows: [{ id: alone, median: 4 }, { id: "something/else", median: 5 }],
    });
    assert.deepEqual(kept, {
      run: { when: "2026-01-02T03:04:05Z", cpu: "made up", cores: 2 },
      ns: { [alone]: 4 },
    });
  });
});
