import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isColored } from "../../src/host/colors.ts";

describe("isColored", () => {
  it("obeys NO_COLOR, then FORCE_COLOR, then the terminal", () => {
    const cases: readonly (readonly [NodeJS.ProcessEnv, terminal: boolean, colored: boolean])[] = [
      [{}, true, true],
      [{}, false, false],
      [{ CI: "1" }, false, false],
      [{ TERM: "dumb" }, true, false],
      [{ NO_COLOR: "1" }, true, false],
      [{ NO_COLOR: "" }, true, true],
      [{ FORCE_COLOR: "1" }, false, true],
      [{ FORCE_COLOR: "" }, false, true],
      [{ FORCE_COLOR: "0" }, true, false],
      [{ FORCE_COLOR: "false" }, true, false],
      [{ NO_COLOR: "1", FORCE_COLOR: "1" }, true, false],
    ];
    for (const [env, terminal, colored] of cases) {
      assert.equal(isColored(env, terminal), colored, JSON.stringify([env, terminal]));
    }
  });

  it("needs no permission to read TERM", () => {
    const env = {
      get TERM(): string {
        throw new Error("Requires env access");
      },
    };
    assert.equal(isColored(env, true), true);
    assert.equal(isColored(env, false), false);
  });
});
