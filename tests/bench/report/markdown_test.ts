import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { filled, markdownTable, wrapped } from "../../../bench/report/markdown.ts";

describe("markdownTable", () => {
  it("aligns words to the left and figures to the right", () => {
    const table = markdownTable({ head: ["", "C"], rows: [["a | b", "1.5 µs"], ["c", "–"]] });
    assert.equal(
      table,
      [
        "|        |      C |",
        "| ------ | -----: |",
        "| a \\| b | 1.5 µs |",
        "| c      |      – |",
      ].join("\n"),
    );
  });
});

describe("wrapped", () => {
  it("breaks lines at 100 characters, but no word", () => {
    const lines = wrapped(Array(30).fill("words").join(" ")).split("\n");
    assert.ok(lines.length === 2 && lines.every((line) => line.length <= 100));
    assert.ok(lines[0].length > 94);
    const long = "x".repeat(120);
    assert.equal(wrapped(`a ${long} b`), `a\n${long}\nb`);
  });
});

describe("filled", () => {
  it("replaces only the text between the marks", () => {
    const page = "before\n<!-- report: a -->\nold\n<!-- /report -->\nafter";
    const once = filled(page, new Map([["a", "new"]]));
    assert.equal(once, "before\n<!-- report: a -->\n\nnew\n\n<!-- /report -->\nafter");
    assert.equal(filled(once, new Map([["a", "new"]])), once);
  });

  it("throws if there is no such block", () => {
    assert.throws(() => filled("<!-- report: b --><!-- /report -->", new Map()), /named "b"/);
  });
});
