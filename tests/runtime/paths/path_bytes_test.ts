import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  checkPath,
  isUtf8,
  pathBytes,
  pathOf,
  quotePath,
} from "../../../src/runtime/paths/path_bytes.ts";
import { randomOf } from "../../support/random.ts";

const bytesOf = (path: string) => [...pathBytes(path)];
const roundTrip = (bytes: readonly number[]) => bytesOf(pathOf(Uint8Array.from(bytes)));

describe("A path as bytes", () => {
  it("ends with NUL", () => {
    assert.deepEqual(bytesOf("/ü"), [0x2f, 0xc3, 0xbc, 0]);
    assert.deepEqual(bytesOf("a"), [0x61, 0]);
  });

  it("is refused if C would read another path", () => {
    for (const path of ["", "a\0b", "\0", "\ud800", "a\ud83d", "\udc00", "\udc7f", "\udd00"]) {
      assert.throws(() => pathBytes(path), TypeError, JSON.stringify(path));
    }
    for (const path of [undefined, null, 7, 1n, Symbol("path"), {}] as unknown[] as string[]) {
      assert.throws(() => pathBytes(path), { name: "TypeError", message: /must be a string/ });
    }
  });

  it("has a byte that is not UTF-8 for each lone surrogate of the string", () => {
    assert.equal(pathOf(Uint8Array.of(0x2f, 0xe9)), "/\udce9");
    assert.deepEqual(bytesOf("/caf\udce9/x"), [0x2f, 0x63, 0x61, 0x66, 0xe9, 0x2f, 0x78, 0]);
  });

  it("ends at the first NUL if the system gave it", () => {
    assert.equal(pathOf(Uint8Array.of(0x61, 0xe9, 0, 0x62)), "a\udce9");
    assert.equal(pathOf(Uint8Array.of(0)), "");
  });

  it("keeps a byte order mark", () => {
    assert.equal(pathOf(Uint8Array.of(0xef, 0xbb, 0xbf, 0x61)), "\ufeffa");
    assert.equal(pathOf(Uint8Array.of(0xef, 0xbb, 0xbf, 0xff)), "\ufeff\udcff");
  });

  it("comes back the same whatever the bytes", () => {
    const hard = [
      [0x80],
      [0xc0, 0x80], // A longer form of NUL.
      [0xc3],
      [0xc3, 0x28],
      [0xe2, 0x82],
      [0xe2, 0x82, 0x41],
      [0xe2, 0x82, 0xac],
      [0xed, 0xa0, 0x80], // A surrogate.
      [0xed, 0xb3, 0xa9], // U+DCE9 itself, which stands for the byte E9.
      [0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80], // A pair of surrogates, one by one.
      [0xf0, 0x9f, 0x98, 0x80, 0x80],
      [0xf0, 0x9f, 0x98],
      [0xf4, 0x90, 0x80, 0x80], // Beyond U+10FFFF.
      [0xf8, 0x88, 0x80, 0x80, 0x80],
      [0xef, 0xbf, 0xbd], // U+FFFD, as which others show what they cannot decode.
    ];
    for (const bytes of hard) assert.deepEqual(roundTrip(bytes), [...bytes, 0]);
  });

  it("comes back the same for random bytes, and no two are the same path", () => {
    const random = randomOf(7);
    // Mostly bytes that begin or continue a character, so that many almost are one.
    const byte = () => random() < 0.3 ? 1 + Math.floor(random() * 127) : 128 + random() * 128 | 0;
    const seen = new Map<string, string>();
    for (let i = 0; i < 20_000; i++) {
      const bytes = Array.from({ length: 1 + Math.floor(random() * 8) }, byte);
      const path = pathOf(Uint8Array.from(bytes));
      assert.deepEqual(bytesOf(path), [...bytes, 0]);
      const text = bytes.join();
      assert.equal(seen.get(path) ?? text, text);
      seen.set(path, text);
    }
  });

  it("comes back the same for all pairs and triples of critical bytes", () => {
    const critical = [0x2f, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc1, 0xc2, 0xdf, 0xe0];
    critical.push(0xed, 0xef, 0xf0, 0xf4, 0xf5, 0xff);
    for (const a of critical) {
      for (const b of critical) {
        assert.deepEqual(roundTrip([a, b]), [a, b, 0]);
        for (const c of critical) assert.deepEqual(roundTrip([a, b, c]), [a, b, c, 0]);
      }
    }
  });

  it("is UTF-8 or not", () => {
    assert.equal(isUtf8("/ü😀"), true);
    assert.equal(isUtf8("/\udce9"), false);
  });
});

describe("A path in a message", () => {
  it("is in quotes, with bytes that are not UTF-8 in hexadecimal", () => {
    assert.equal(quotePath("/tmp/a b"), '"/tmp/a b"');
    assert.equal(quotePath("/caf\udce9/\udc80😀"), '"/caf\\xE9/\\x80😀"');
  });
});

describe("A path of a program", () => {
  it("is text", () => {
    for (const path of ["a", "/ü", "\ufeff", "C:\\a"]) assert.equal(checkPath(path), path);
    for (const path of ["", "a\0b", "\ud800", "\udce9"]) {
      assert.throws(() => checkPath(path), {
        name: "TypeError",
        message: /^Cannot use the path "/,
      });
    }
    for (const path of [undefined, 7, 1n] as unknown[] as string[]) {
      assert.throws(() => checkPath(path), { name: "TypeError", message: /must be a string, not/ });
    }
  });
});
