import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, it } from "node:test";
import { FileCounter, FileLock, JsonFile } from "../../../mod.ts";
import { collected } from "../../support/collected.ts";
import { openFiles } from "../../support/open_files.ts";
import { inScratchFolder } from "../../support/scratch_folder.ts";

const COUNT = 20;
const isFree = (path: string) => spawnSync("flock", ["-n", path, "true"]).status === 0;

/** Objects with an open file, by the class; each is used, and none is closed. */
const DROPPED: Readonly<Record<string, (path: string) => void | Promise<void>>> = {
  "a lock": (path) => new FileLock(path).acquireSync().release(),
  "a lock whose wait has failed": async (path) => {
    using holder = new FileLock(path);
    holder.lock();
    await assert.rejects(new FileLock(path).acquire({ timeout: 0 }), { name: "TimeoutError" });
  },
  "a counter": (path) => void new FileCounter(path).addSync(),
  "a durable counter with tasks": async (path) => {
    await new FileCounter(path, { durable: true }).add();
  },
  "a document": (path) => void new JsonFile(path, { durable: false }).writeSync({}),
};

/** In a function of its own, so that no variable of the test keeps an object. */
async function drop(use: (path: string) => void | Promise<void>, path: string): Promise<void> {
  for (let i = 0; i < COUNT; i++) await use(path);
}

describe("An object that the program drops", { timeout: 60_000 }, () => {
  for (const [name, use] of Object.entries(DROPPED)) {
    it(`closes its files: ${name}`, () =>
      inScratchFolder(async (folder) => {
        await drop(use, join(folder, "file"));
        assert.ok(openFiles(folder).length > 0);
        // A conservative collector may keep a few.
        await collected(() => openFiles(folder).length <= 3);
      }));
  }

  it("keeps its hold as long as there is a guard, or no guard can end it", () =>
    inScratchFolder(async (folder) => {
      const at = (name: string) => join(folder, name);
      const guard = (() => new FileLock(at("guarded")).acquireSync())();
      const pending = (() => new FileLock(at("guarded")).acquire())();
      (() => {
        new FileLock(at("bare")).lock();
        new FileLock(at("unguarded")).acquireSync();
      })();
      await drop(DROPPED["a lock"], at("other"));
      await collected(() => openFiles(at("other")).length <= 3);
      for (const name of ["guarded", "bare", "unguarded"]) assert.equal(isFree(at(name)), false);
      assert.equal(guard.held, true);
      guard.release();
      const next = await pending;
      assert.equal(isFree(at("guarded")), false);
      next.release();
      await collected(() => openFiles(at("guarded")).length === 0);
      for (const name of ["bare", "unguarded"]) assert.equal(isFree(at(name)), false);
    }));
});
