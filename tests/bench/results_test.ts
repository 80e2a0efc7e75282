import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { formatResults, readResults, resultsSchema, rowId } from "../../bench/results.ts";
import { inScratchFolder } from "../support/scratch_folder.ts";
import { resultsOf, rowOf } from "./results.ts";

const SAMPLE = new URL("./fixtures/results.json", import.meta.url);

describe("the results of a bench", () => {
  it("are read from a file", () => {
    const { rows, goals } = readResults(SAMPLE);
    const ids = new Set(rows.map(({ id }) => id));
    assert.equal(ids.size, rows.length);
    assert.ok(rows.every((row) => row.id === rowId(row)));
    assert.ok(goals.every(({ row, of = row }) => ids.has(row) && ids.has(of)));
  });

  it("are rejected with a reason if the file has none", async () => {
    await inScratchFolder((folder) => {
      const path = join(folder, "bench.json");
      writeFileSync(path, JSON.stringify({ ...resultsOf([]), version: 1 }));
      assert.throws(() => readResults(path), (error: Error) => {
        assert.equal(error.name, "TypeError");
        assert.ok(error.message.includes(path), error.message);
        assert.match(error.message, /version/);
        return true;
      });
    });
  });

  it("are written with a line for each row", () => {
    const text = readFileSync(SAMPLE, "utf8");
    const results = readResults(SAMPLE);
    assert.equal(formatResults(results), text);
    assert.ok(text.split("\n").length > results.rows.length + results.goals.length);
    assert.deepEqual(JSON.parse(formatResults(resultsOf([]))), resultsOf([]));
  });

  it("have no unknown field", () => {
    const results = resultsOf([rowOf({}, 1)]);
    assert.ok(resultsSchema.safeParse(results).success);
    assert.ok(!resultsSchema.safeParse({ ...results, more: 1 }).success);
    const [row] = results.rows;
    assert.ok(!resultsSchema.safeParse({ ...results, rows: [{ ...row, unit: "ms" }] }).success);
  });
});
