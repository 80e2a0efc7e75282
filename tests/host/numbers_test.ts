import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { grouped, parseNumber } from "../../src/host/numbers.ts";

describe("parseNumber", () => {
  it("reads numbers as people write them", () => {
    const numbers: readonly (readonly [string, number])[] = [
      ["0", 0],
      ["1500", 1500],
      [" 7 ", 7],
      ["1_000", 1000],
      ["10_0", 100],
      ["1,000,000", 1e6],
      ["10k", 10_000],
      ["1.5K", 1500],
      ["2M", 2e6],
      ["1g", 1e9],
      ["1e6", 1e6],
      ["1.5e+3", 1500],
      ["-3", -3],
      ["0.5", 0.5],
    ];
    for (const [text, value] of numbers) assert.equal(parseNumber(text), value, text);
  });

  it("reads no other text", () => {
    for (const text of ["", " ", "k", "ten", "1,00", "1__0", "_1", "1kk", "0x10", "1e999", "1 0"]) {
      assert.equal(parseNumber(text), undefined, JSON.stringify(text));
    }
  });
});

describe("grouped", () => {
  it("has commas as Intl has them", () => {
    const values = [0, 7, 999, 1000, 12345, 123456, 1234567, Number.MAX_SAFE_INTEGER, 2n ** 64n];
    for (const value of values) {
      assert.equal(grouped(value), value.toLocaleString("en"));
      assert.equal(grouped(-value), (-value).toLocaleString("en"));
    }
  });
});
