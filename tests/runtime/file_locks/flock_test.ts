import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it } from "node:test";
import {
  closeFile,
  openRegularFile,
  tryFlock,
  unlockFlock,
  waitFlock,
} from "../../../src/runtime/mod.ts";
import { inScratchFolder } from "../../support/scratch_folder.ts";

/** Runs `body` with two descriptors of one file, which was opened twice. */
function withTwo(body: (path: string, first: number, second: number) => void): Promise<void> {
  return inScratchFolder((folder) => {
    const path = join(folder, "lock");
    const first = openRegularFile(path);
    const second = openRegularFile(path);
    try {
      body(path, first, second);
    } finally {
      closeFile(first);
      closeFile(second);
    }
  });
}

const never = () => assert.fail("asked whether to go on");

describe("A lock by flock(2)", () => {
  it("excludes another descriptor until it is released", () =>
    withTwo((path, first, second) => {
      assert.equal(tryFlock(first, path), true);
      assert.equal(tryFlock(second, path), false);
      unlockFlock(first, path);
      assert.equal(tryFlock(second, path), true);
      assert.equal(tryFlock(first, path), false);
    }));

  it("is released when its descriptor is closed", () =>
    withTwo((path, first) => {
      const third = openRegularFile(path);
      assert.equal(tryFlock(third, path), true);
      assert.equal(tryFlock(first, path), false);
      closeFile(third);
      assert.equal(tryFlock(first, path), true);
    }));

  it("is acquired at once if it is free", () =>
    withTwo((path, first, second) => {
      assert.equal(waitFlock(first, path, never), true);
      assert.equal(tryFlock(second, path), false);
    }));

  it("is waited for as long as the waiter goes on", () =>
    withTwo((path, first, second) => {
      assert.equal(tryFlock(first, path), true);
      for (const last of [1, 2, 4]) {
        let asked = 0;
        assert.equal(waitFlock(second, path, () => ++asked < last), false);
        assert.equal(asked, last);
      }
      unlockFlock(first, path);
      assert.equal(tryFlock(first, path), true, "the waiter that gave up has it");
    }));

  it("is acquired by a waiter if it is released between two sleeps", () =>
    withTwo((path, first, second) => {
      assert.equal(tryFlock(first, path), true);
      let asked = 0;
      const goOn = () => {
        if (++asked === 3) unlockFlock(first, path);
        return true;
      };
      assert.equal(waitFlock(second, path, goOn), true);
      assert.equal(asked, 3);
      assert.equal(tryFlock(first, path), false);
    }));

  it("can be waited for again after the waiter threw", () =>
    withTwo((path, first, second) => {
      assert.equal(tryFlock(first, path), true);
      const enough = new Error("enough");
      let asked = 0;
      const goOn = () => {
        if (++asked === 2) throw enough;
        return true;
      };
      assert.throws(() => waitFlock(second, path, goOn), enough);
      asked = -1;
      assert.throws(() => waitFlock(second, path, goOn), enough);
      unlockFlock(first, path);
      assert.equal(waitFlock(second, path, never), true);
    }));

  it("reports the error of the system and the file", () =>
    withTwo((path) => {
      for (const attempt of [tryFlock, unlockFlock]) {
        assert.throws(
          () => attempt(-1, path),
          (error) =>
            error instanceof Error && (error as NodeJS.ErrnoException).code === "EBADF" &&
            error.message.includes(path),
        );
      }
    }));
});
