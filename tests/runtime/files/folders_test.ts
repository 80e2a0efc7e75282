import assert from "node:assert/strict";
import { existsSync, mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import {
  folderOf,
  foldersTo,
  lastPartOf,
  makeDirectory,
  makeFolders,
} from "../../../src/runtime/files/folders.ts";
import { inScratchFolder } from "../../support/scratch_folder.ts";

describe("A folder", () => {
  it("is created for its user only, or left unchanged", () =>
    inScratchFolder((folder) => {
      const made = join(folder, "made");
      makeDirectory(made);
      assert.equal(statSync(made).mode & 0o777, 0o700);
      mkdirSync(join(made, "inside"));
      makeDirectory(made);
      assert.equal(existsSync(join(made, "inside")), true);
      assert.throws(() => makeDirectory(join(folder, "none", "made")), { code: "ENOENT" });
    }));

  it("is created on the way to a file", () =>
    inScratchFolder((folder) => {
      makeFolders(join(folder, "a", "b", "file"));
      assert.equal(statSync(join(folder, "a", "b")).isDirectory(), true);
      assert.equal(existsSync(join(folder, "a", "b", "file")), false);
    }));

  it("is a part of the paths in it", () => {
    assert.deepEqual(["/a/b", "/a", "/", "a"].map(folderOf), ["/a", "/", "/", "."]);
    assert.deepEqual(["/a/b", "a"].map(lastPartOf), ["b", "a"]);
    assert.deepEqual(foldersTo("/a/b/c"), ["/a", "/a/b"]);
    assert.deepEqual(foldersTo("/a"), []);
  });
});
