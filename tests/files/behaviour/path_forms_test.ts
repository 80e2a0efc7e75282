import assert from "node:assert/strict";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { pathToFileURL } from "node:url";
import { FileCounter, FileLock, JsonFile, type PathLike } from "../../../mod.ts";
import { inScratchFolder } from "../../support/scratch_folder.ts";

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

    it("may be bytes that are not UTF-8, which errors show", () =>
      inScratchFolder((folder) => {
        const path = Uint8Array.of(...new TextEncoder().encode(`${folder}/caf`), 0xe9);
        const [one, other] = [open(path), open(path)];
        assert.equal(one.path, other.path);
        if (one instanceof FileLock) {
          assert.ok(one.tryAcquire());
          assert.equal((other as FileLock).tryAcquire(), undefined);
        }
        for (const opened of [one, other]) opened[Symbol.dispose]();
        const use = { FileLock: "lock", FileCounter: "addSync", JsonFile: "writeSync" }[name]!;
        // deno-lint-ignore no-explicit-any -- Each class has another method.
        assert.throws(() => (one as any)[use]({}), /caf\\xE9/);
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

it("A durable FileCounter syncs for tasks at a path that is not UTF-8", () =>
  inScratchFolder(async (folder) => {
    const path = Uint8Array.of(...new TextEncoder().encode(`${folder}/caf`), 0xe9);
    using counter = new FileCounter(path, { durable: true });
    assert.deepEqual(await Promise.all([counter.add(), counter.add(2)]), [1, 3]);
    assert.equal(await counter.add(), 4);
  }));
