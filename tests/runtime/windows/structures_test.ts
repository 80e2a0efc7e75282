import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  FILE_INFORMATION_BYTES,
  fileInformation,
  FOUND_FILE_BYTES,
  foundFile,
  renameInformation,
  textOf,
  wideString,
} from "../../../src/runtime/windows/structures.ts";

/** The bytes of 32-bit words, the lower one first. */
const words = (...numbers: number[]) => [...new Uint8Array(Uint32Array.from(numbers).buffer)];

describe("wideString", () => {
  it("is UTF-16 with the lower byte first, and ends with a NUL", () => {
    assert.deepEqual([...wideString("aä€")], [0x61, 0, 0xe4, 0, 0xac, 0x20, 0, 0]);
    assert.deepEqual([...wideString("😀")], [0x3d, 0xd8, 0, 0xde, 0, 0]);
  });

  it("keeps lone surrogates, which file names may have, and is read back", () => {
    for (const text of ["", "C:\\a b", "\ud800x", "\udc00", "日本語😀"]) {
      assert.equal(textOf(wideString(text), text.length), text);
    }
    assert.equal(textOf(wideString("abc"), 2), "ab");
  });
});

describe("fileInformation", () => {
  const of = (attributes: number, volume: number, high: number, low: number) => {
    const bytes = new Uint8Array(FILE_INFORMATION_BYTES).fill(0xa5);
    bytes.set(words(attributes), 0);
    bytes.set(words(volume, 1, 5), 28);
    bytes.set(words(high, low), 44);
    return fileInformation(bytes);
  };

  it("recognizes folders, links and read-only files", () => {
    assert.deepEqual(of(0x20, 7, 1, 2), {
      isFile: true,
      isFolder: false,
      isLink: false,
      isReadOnly: false,
      size: 0x1_0000_0005,
      id: "7:1:2",
    });
    assert.equal(of(0x10, 0, 0, 0).isFolder, true);
    assert.equal(of(0x400, 0, 0, 0).isLink, true);
    for (const other of [0x10, 0x400]) assert.equal(of(other, 0, 0, 0).isFile, false);
    assert.equal(of(0x21, 0, 0, 0).isReadOnly, true);
  });

  it("distinguishes files by the volume and both halves of the index", () => {
    const ids = [of(0, 1, 1, 1), of(0, 2, 1, 1), of(0, 1, 2, 1), of(0, 1, 1, 2), of(1, 1, 1, 1)]
      .map(({ id }) => id);
    assert.equal(new Set(ids).size, 4);
    assert.equal(ids[0], ids[4]);
  });
});

describe("foundFile", () => {
  const of = (attributes: number, name: string) => {
    const bytes = new Uint8Array(FOUND_FILE_BYTES).fill(0xa5);
    bytes.set(words(attributes), 0);
    bytes.set(wideString(name), 44);
    return foundFile(bytes);
  };

  it("is the name of a file, and of nothing else", () => {
    assert.equal(of(0x20, "x.json"), "x.json");
    assert.equal(of(0x21, "ü".repeat(255)), "ü".repeat(255));
    assert.equal(of(0x10, "folder"), undefined);
    assert.equal(of(0x420, "link"), undefined);
  });
});

describe("renameInformation", () => {
  it("has flags, no root, the length in bytes and the name", () => {
    for (const [replace, flags] of [[true, 3], [false, 2]] as const) {
      const bytes = renameInformation("C:\\a", replace);
      assert.deepEqual([...bytes.subarray(0, 20)], words(flags, 0, 0, 0, 8));
      assert.deepEqual([...bytes.subarray(20)], [...wideString("C:\\a")]);
    }
  });
});
