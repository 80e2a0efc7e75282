import assert from "node:assert/strict";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { pathToFileURL } from "node:url";
import { FileCounter, FileLock, JsonFile, type PathLike } from "../../mod.ts";
import { inScratchFolder } from "../support/scratch_folder.ts";

const OPENED: Readonly<Record<string, (path: PathLike) => Disposable & { readonly path: string }>> =
  {
    FileLock: (path) => new FileLock(path),
    FileCounter: (path) => new FileCounter(path),
    JsonFile: (path) => new JsonFile(path, { initial: {} }),
  };

for (const [name, open] of Object.entries(OPENED)) {
  describe(`The path of a ${name}`, () => {
    it("may be a string, a URL or bytes", () =>
      inScratchFolder((folder) => {
        const path = join(folder, "a file, 100 % sure");
        for (const form of [path, pathToFileURL(path), new TextEncoder().encode(path)]) {
          using opened = open(form);
          assert.equal(opened.path, path);
        }
      }));

    it("is that of a file, and not the text of a URL", () =>
      inScratchFolder((folder) => {
        mkdirSync(join(folder, "sub"));
        const wrong = [
          `${folder}/sub/`,
          `${folder}/new/`,
          pathToFileURL(`${folder}/new/`),
          `file://${folder}/x`,
          new URL("https://example.com/x"),
          new URL("file://host/x"),
        ];
        for (const path of wrong) assert.throws(() => open(path), TypeError, String(path));
        assert.equal(existsSync(join(folder, "new")), false);
      }));
  });
}
