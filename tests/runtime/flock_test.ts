import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it } from "node:test";
import {
  closeFile,
  openRegularFile,
  tryFlock,
  unlockFlock,
  waitFlock,
} from "../../src/runtime/mod.ts";
import { inScratchFolder } from "../support/scratch_folder.ts";

/** Gives `body` two descriptors of one file, opened apart. */
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

describe("flock", () => {
  it("excludes another descriptor until it is given back", () =>
    withTwo((path, first, second) => {
      assert.equal(tryFlock(first, path), true);
      assert.equal(tryFlock(second, path), false);
      unlockFlock(first, path);
      assert.equal(tryFlock(second, path), true);
      assert.equal(tryFlock(first, path), false);
    }));

  it("is free once its descriptor is closed", () =>
    withTwo((path, first) => {
      const third = openRegularFile(path);
      assert.equal(tryFlock(third, path), true);
      assert.equal(tryFlock(first, path), false);
      closeFile(third);
      assert.equal(tryFlock(first, path), true);
    }));

  it("is had at once where it is free", () =>
    withTwo((path, first, second) => {
      assert.equal(waitFlock(first, path, never), true);
      assert.equal(tryFlock(second, path), false);
    }));

  it("is waited for as long as the waiter wants to go on", () =>
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

  it("is had by a waiter when it is given back between two slices", () =>
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

  it("lets the waiter throw, and wait again", () =>
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

  it("tells the system's error and the file", () =>
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
