import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { extendedPath, foldersTo } from "../../../src/runtime/windows/paths.ts";

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
