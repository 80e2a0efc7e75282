import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { rowsOf, sentence, wantedBy } from "../../../bench/report/answer.ts";
import { row, rowsOfAll, run } from "./fixtures/runs.ts";

describe("rowsOf", () => {
  const rows = [
    row({ subject: "a", operation: "x", runtime: "deno", median: 3 }),
    row({ subject: "a", operation: "x", runtime: "bun", median: 2 }),
    row({ subject: "a", operation: "y", runtime: "bun", median: 1 }),
    row({ subject: "a", operation: "x", by: "c", median: 1 }),
  ];

  it("finds the rows with all given properties", () => {
    const found = rowsOf(run(rows), { subject: "a", operation: "x", by: "interlock" });
    assert.deepEqual(found, rows.slice(0, 2));
    assert.deepEqual(rowsOf(run(rows), { subject: "b" }), []);
  });
});

describe("wantedBy", () => {
  const own = { by: "interlock", setting: "alone", count: 1 };

  it("reads an operation that is measured alone", () => {
    const wanted = { ...own, subject: "redis", operation: "lock: acquire, release" };
    assert.deepEqual(wantedBy("redis/lock: acquire, release"), { ...wanted, medium: "redis" });
  });

  it("reads how many do it at once", () => {
    const wanted = { ...own, subject: "atomics", operation: "add", count: 4 };
    const [processes, workers] = ["processes", "workers"]
      .map((setting) => wantedBy(`atomics/add @4 ${setting}`));
    assert.deepEqual(processes, { ...wanted, setting: "processes", medium: "mapped" });
    assert.deepEqual(workers, { ...wanted, setting: "workers", medium: "anonymous" });
  });
});

describe("sentence", () => {
  const results = run([
    ...rowsOfAll({ subject: "atomics", operation: "add" }, [4, 5, 5]),
    row({ subject: "mutex", operation: "lock, unlock", runtime: "bun", median: 10 }),
  ]);

  it("has the times of rows and the ratios of those that both have", () => {
    assert.equal(
      sentence(results, "{atomics/add}, {mutex/lock, unlock : atomics/add} as long"),
      "4.0 to 5.0 ns, 2.0 times as long",
    );
  });

  it("is empty if a figure is missing", () => {
    assert.equal(sentence(results, "{atomics/add} and {atomics/read}"), "");
    assert.equal(sentence(results, "{atomics/add : atomics/read}"), "");
  });
});
