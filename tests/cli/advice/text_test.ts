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
    assert.ok(
      text.startsWith(`Use: FileCounter, durable
  Up to 200,000 adds per second in Bun:
    150 µs per add alone
    50.0 µs per add by 4 processes at once
    5.0 µs per add by 64 tasks at once
  Measured 2026-01-02 on 2 cores of made up; see --results.
`),
      text,
    );
    assert.match(text, /\nWhy not\n(?: {2}.*\n)+\nCode\n\nimport \{ FileCounter \} from /);
    assert.match(adviceText(wish, advice, figures({})), /\n {2}Not measured yet/);
  });

  it("says if the rate needs several tasks at once", () => {
    const wishes = [20_000, 20_001].map((rate): Wish => ({ ...wish, rate }));
    const [few, many] = wishes.map((one) => adviceText(one, decide(one, MEASURED), MEASURED));
    assert.doesNotMatch(few, /Your rate needs/);
    assert.match(
      many.replaceAll(/\s+/g, " "),
      / Your rate needs several tasks at once in a process; one task reaches 20,000 per second\. /,
    );
  });

  it("fits its lines into the terminal", () => {
    for (const room of [60, 80]) {
      const lines = adviceText(wish, advice, { ...MEASURED, run }, room).split("\nCode\n")[0];
      assert.ok(lines.split("\n").every(({ length }) => length <= room), lines);
    }
  });

  it("is JSON if requested", () => {
    const { wish: asked, use, not, measured } = adviceJson(wish, advice, MEASURED);
    assert.deepEqual(asked, wish);
    assert.deepEqual([use?.name, use?.medium, use?.perSecond], [
      "FileCounter, durable",
      "file",
      200_000,
    ]);
    assert.deepEqual(use?.nanoseconds, {
      "alone": 150_000,
      "by 4 processes at once": 50_000,
      "by 64 tasks at once": 5000,
    });
    assert.match(use!.code, /new FileCounter/);
    assert.ok(not.every(({ why }) => why !== ""));
    assert.equal(measured, null);
  });
});
