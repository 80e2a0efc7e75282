import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  extendedPath,
  FILE_INFORMATION_BYTES,
  fileInformation,
  foldersTo,
  meansLocked,
  regionOf,
  textOf,
  wideString,
  windowsError,
} from "../../../src/runtime/file_locks/windows_calls.ts";

/** The bytes of 32-bit words, the lower one first. */
const words = (...numbers: number[]) => [...new Uint8Array(Uint32Array.from(numbers).buffer)];

describe("regionOf", () => {
  it("puts a range into an OVERLAPPED and two halves of its length", () => {
    const { overlapped, lengthLow, lengthHigh } = regionOf({
      start: 0x1_2345_6789,
      length: 0x2_0000_0003,
    });
    // Internal, InternalHigh, Offset, OffsetHigh, hEvent.
    assert.deepEqual([...overlapped], words(0, 0, 0, 0, 0x23456789, 1, 0, 0));
    assert.deepEqual([lengthLow, lengthHigh], [3, 2]);
  });

  it("locks a whole file by one byte beyond the end of any file", () => {
    const { overlapped, lengthLow, lengthHigh } = regionOf(undefined);
    assert.deepEqual([...overlapped], words(0, 0, 0, 0, 0, 0x40000000, 0, 0));
    assert.deepEqual([lengthLow, lengthHigh], [1, 0]);
  });

  it("ends a range without an end below that byte", () => {
    for (const start of [0, 1, 4096, 2 ** 53 - 1]) {
      const { lengthLow, lengthHigh } = regionOf({ start, length: 0 });
      const end = BigInt(start) + (BigInt(lengthHigh) << 32n) + BigInt(lengthLow);
      assert.ok(end <= 2n ** 62n, `${start}: ${end}`);
      assert.ok(end >= 2n ** 61n, `${start}: ${end}`);
    }
  });
});

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

describe("extendedPath", () => {
  it("lifts the limit of 260 characters, for drives and for shares", () => {
    for (
      const [full, extended] of [
        ["C:\\a\\b", "\\\\?\\C:\\a\\b"],
        ["\\\\server\\share\\a", "\\\\?\\UNC\\server\\share\\a"],
        ["\\\\?\\C:\\a", "\\\\?\\C:\\a"],
        ["\\\\.\\pipe\\a", "\\\\.\\pipe\\a"],
      ]
    ) assert.equal(extendedPath(full), extended);
  });
});

describe("foldersTo", () => {
  it("names the folders below the root, the outer ones first", () => {
    assert.deepEqual(foldersTo("\\\\?\\C:\\a\\b\\lock"), ["\\\\?\\C:\\a", "\\\\?\\C:\\a\\b"]);
    assert.deepEqual(foldersTo("\\\\?\\UNC\\server\\share\\a\\lock"), [
      "\\\\?\\UNC\\server\\share\\a",
    ]);
    assert.deepEqual(foldersTo("\\\\?\\C:\\lock"), []);
    assert.deepEqual(foldersTo("\\\\.\\pipe\\a"), []);
  });
});

describe("fileInformation", () => {
  const of = (attributes: number, volume: number, high: number, low: number) => {
    const bytes = new Uint8Array(FILE_INFORMATION_BYTES).fill(0xa5);
    bytes.set(words(attributes), 0);
    bytes.set(words(volume), 28);
    bytes.set(words(high, low), 44);
    return fileInformation(bytes);
  };

  it("recognizes folders, links and read-only files", () => {
    assert.deepEqual(of(0x20, 7, 1, 2), {
      isFolder: false,
      isLink: false,
      isReadOnly: false,
      id: "7:1:2",
    });
    assert.equal(of(0x10, 0, 0, 0).isFolder, true);
    assert.equal(of(0x400, 0, 0, 0).isLink, true);
    assert.equal(of(0x21, 0, 0, 0).isReadOnly, true);
  });

  it("distinguishes files by the volume and both halves of the index", () => {
    const ids = [of(0, 1, 1, 1), of(0, 2, 1, 1), of(0, 1, 2, 1), of(0, 1, 1, 2), of(1, 1, 1, 1)]
      .map(({ id }) => id);
    assert.equal(new Set(ids).size, 4);
    assert.equal(ids[0], ids[4]);
  });
});

describe("The errors of Windows", () => {
  it("have the names of the same errors elsewhere", () => {
    for (const [number, code] of [[2, "ENOENT"], [3, "ENOENT"], [5, "EACCES"], [112, "ENOSPC"]]) {
      const error = windowsError("open", "C:\\a", number as number);
      assert.equal((error as NodeJS.ErrnoException).code, code);
      assert.ok(error.message.includes("C:\\a") && error.message.includes(code as string));
    }
    assert.match(windowsError("open", "C:\\a", 1234).message, /Windows error 1234/);
  });

  it("mean that the lock is held, except those of files without locks", () => {
    const [violation, pending, lost] = [33, 997, 0];
    for (const number of [violation, pending, lost]) assert.equal(meansLocked(number), true);
    const [invalidFunction, invalidHandle, notSupported] = [1, 6, 50];
    for (const number of [invalidFunction, invalidHandle, notSupported]) {
      assert.equal(meansLocked(number), false);
    }
  });
});
