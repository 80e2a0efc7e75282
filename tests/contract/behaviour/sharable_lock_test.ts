import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { LockLostError } from "../../../src/contract/mod.ts";
import { FileLock } from "../../../src/files/mod.ts";
import { ourError } from "../../support/our_error.ts";
import { inScratchFolder } from "../../support/scratch_folder.ts";
import { isTimeout } from "../describe_lock.ts";
import { describeSharableLock } from "../describe_sharable_lock.ts";
import { WRONG_OPTIONS } from "../wrong_arguments.ts";

for (const [kind, range] of [["flock", undefined], ["range", { start: 1, length: 2 }]] as const) {
  describeSharableLock(`FileLock (${kind})`, () => {
    const folder = mkdtempSync(join(tmpdir(), "interlock-test-"));
    const [lock, other] = [1, 2].map(() => new FileLock(join(folder, "lock"), { range }));
    return {
      lock,
      other,
      close() {
        lock.close();
        other.close();
        rmSync(folder, { recursive: true });
      },
    };
  });
}

describe("upgradeSync", () => {
  it("upgrades like upgrade", () =>
    inScratchFolder((folder) => {
      using lock = new FileLock(`${folder}/lock`);
      using other = new FileLock(`${folder}/lock`);
      using guard = lock.acquireSync({ shared: true });
      for (const options of WRONG_OPTIONS) {
        assert.throws(() => guard.upgradeSync(options), ourError(TypeError));
      }
      assert.equal(typeof guard.upgradeSync(), "boolean");
      assert.deepEqual([guard.held, guard.shared], [true, false]);
      assert.equal(other.tryAcquire({ shared: true }), undefined);
      assert.throws(() => guard.upgradeSync(), ourError(Error));
      assert.equal(guard.held, true);
    }));

  it("loses the hold if it times out, and says why", () =>
    inScratchFolder((folder) => {
      using lock = new FileLock(`${folder}/lock`);
      using other = new FileLock(`${folder}/lock`);
      using second = other.acquireSync({ shared: true });
      {
        using guard = lock.acquireSync({ shared: true });
        assert.throws(
          () => guard.upgradeSync({ timeout: 20 }),
          (error) => error instanceof LockLostError && isTimeout(error.cause),
        );
        assert.equal(guard.held, false);
        assert.throws(() => guard.release(), ourError(Error));
      }
      assert.equal(second.held, true);
    }));
});
