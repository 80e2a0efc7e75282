import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it } from "node:test";
import { UnsupportedError } from "../../../mod.ts";
import { waitByTrying } from "../../../src/runtime/waiting/wait_by_trying.ts";
import { openerFor } from "../../../src/runtime/file_locks/open_lock_file.ts";
import { adapter } from "../../../src/runtime/mod.ts";
import { inScratchFolder } from "../../support/scratch_folder.ts";

describe("openerFor", () => {
  it("opens lock files in the way of the operating system", () =>
    inScratchFolder((folder) => {
      const path = join(folder, "lock");
      const open = openerFor(adapter.platform);
      const file = open!(path);
      assert.equal(file.mechanism, "flock");
      file.close();
      for (const [platform, library] of [["win32", "kernel32.dll"], ["darwin", "libSystem"]]) {
        const foreign = openerFor(platform);
        // The library is not on this system, so the real call fails.
        assert.throws(() => foreign!(path), (error: Error) =>
          error instanceof UnsupportedError && error.message.includes(library));
      }
      assert.equal(openerFor("freebsd"), undefined);
    }));
});

describe("waitByTrying", () => {
  it("tries until it has the lock, or must not go on", () => {
    let tried = 0;
    assert.equal(waitByTrying(() => ++tried === 4, () => true), true);
    assert.equal(tried, 4);
    let asked = 0;
    assert.equal(waitByTrying(() => false, () => ++asked < 3), false);
    assert.equal(asked, 3);
    const enough = new Error("enough");
    assert.throws(() =>
      waitByTrying(() => false, () => {
        throw enough;
      }), enough);
  });
});
