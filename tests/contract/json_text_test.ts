import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { JsonTextError, parseJson } from "../../src/contract/json_text.ts";

describe("parseJson", () => {
  it("parses JSON, with a byte order mark too", () => {
    assert.deepEqual(parseJson('{"a": [1, -2.5e3, "\\u0041", null]}'), {
      a: [1, -2500, "A", null],
    });
    assert.deepEqual(parseJson("\ufeff[]"), []);
  });

  // The same in every runtime: this file runs in all of them.
  const wrong: readonly (readonly [text: string, says: string])[] = [
    ["", "it ends too early: line 1, column 1"],
    ["{\n", "it ends too early: line 2, column 1"],
    ["[1, 2", "it ends too early: line 1, column 6"],
    ["[1,]", "it is not valid JSON: line 1, column 4"],
    ['{"a": 1,\n}', "it is not valid JSON: line 2, column 1"],
    ['{\n  "a": 1\n  "b": 2\n}', "it is not valid JSON: line 3, column 3"],
    ['{"a": tru}', "it is not valid JSON: line 1, column 7"],
    ['{"a": 01}', "it is not valid JSON: line 1, column 7"],
    ["{a: 1}", "it is not valid JSON: line 1, column 2"],
    ['{"a": 1} // note', "it is not valid JSON: line 1, column 10"],
    ['["a\nb"]', "it is not valid JSON: line 1, column 2"],
    ["'secret'", "it is not valid JSON: line 1, column 1"],
    ["[[".repeat(100_000), "it is not valid JSON: line 1, column 1002"],
  ];
  for (const [text, says] of wrong) {
    it(`gives the place in ${JSON.stringify(text).slice(0, 30)}`, () => {
      assert.throws(() => parseJson(text), (error: Error) => {
        assert.ok(error instanceof JsonTextError);
        assert.equal(error.message, says);
        return true;
      });
    });
  }
});
