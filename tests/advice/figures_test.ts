import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CANDIDATES, RUNTIMES } from "../../src/advice/candidates.ts";
import measured from "../../src/advice/figures.json" with { type: "json" };
import { type Figures, figuresFor, rowIdOf } from "../../src/advice/figures.ts";

describe("figuresFor", () => {
  it("keeps only the figures that advice needs", () => {
    const [{ ways: [way] }] = CANDIDATES;
    const alone = rowIdOf(way, "node");
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

describe("the figures of the package", () => {
  it("have every way of every candidate, in every runtime", () => {
    const all = CANDIDATES.flatMap(({ ways }) =>
      ways.flatMap((way) => RUNTIMES.map((runtime) => rowIdOf(way, runtime)))
    );
    assert.deepEqual(all.filter((id) => !((measured as Figures).ns[id] > 0)), []);
  });
});
