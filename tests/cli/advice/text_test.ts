import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { adviceJson, adviceText } from "../../../cli/advice/text.ts";
import { decide, type Wish } from "../../../src/advice/decide.ts";
import { figures, MEASURED, WISH } from "../../advice/figures.ts";

describe("the output of advise", () => {
  const run = { when: "2026-01-02T03:04:05Z", cpu: "made up", cores: 2 };
  const wish: Wish = { ...WISH, survives: "power", rate: 10 };
  const advice = decide(wish, MEASURED);

  it("is text with the code", () => {
    const text = adviceText(wish, advice, { ...MEASURED, run });
    assert.match(
      text,
      /^Use: FileCounter, durable\n {2}Bun: 150 µs per add alone, 50\.0 µs with 4 at once/,
    );
    assert.match(text, /: 20,000 per second\.\n {2}Measured 2026-01-02 on 2 cores of made up; /);
    assert.match(text, /\nWhy not\n(?: {2}\S.*\.\n)+\nCode\n\nimport \{ FileCounter \} from /);
    assert.match(adviceText(wish, advice, figures({})), /\n {2}Not measured yet/);
  });

  it("is JSON if requested", () => {
    const { wish: asked, use, not, measured } = adviceJson(wish, advice, MEASURED);
    assert.deepEqual(asked, wish);
    assert.deepEqual([use?.name, use?.medium, use?.perSecond], [
      "FileCounter, durable",
      "file",
      20_000,
    ]);
    assert.match(use!.code, /new FileCounter/);
    assert.ok(not.every(({ why }) => why !== ""));
    assert.equal(measured, null);
  });
});
