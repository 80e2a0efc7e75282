import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { describeOwner } from "../../src/contract/owner.ts";
import { printable, quoteText } from "../../src/contract/printable.ts";

/** Escape sequences in 7 and in 8 bits, bidirectional text, a line separator, half a character. */
const hostile = "a\x1b[31m\x9b2J\r\n\x7f\u202e\u2028\ufeff\ud800é\u{1F512}";
const escaped =
  "a\\u{1b}[31m\\u{9b}2J\\u{d}\\u{a}\\u{7f}\\u{202e}\\u{2028}\\u{feff}\\u{d800}é\u{1F512}";

describe("printable", () => {
  it("escapes what a terminal would act on, and nothing else", () => {
    assert.equal(printable(hostile), escaped);
    assert.equal(quoteText('"\x9b\n'), '"\\"\\u{9b}\\n"');
  });

  it("is applied to each text of an owner", () => {
    const owner = { pid: 1, host: hostile, runtime: hostile, label: hostile };
    const described = describeOwner(owner);
    assert.ok(described.startsWith(`process 1, ${escaped}, "a`), described);
    assert.ok(described.endsWith(`, on ${escaped}`), described);
    assert.equal(printable(described), described);
  });
});
