import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { FileLock, LockLostError, type SharableGuard } from "../../../mod.ts";
import { adapter } from "../../../src/runtime/mod.ts";
import { RUN } from "../../support/child.ts";
import { inScratchFolder } from "../../support/scratch_folder.ts";

const DEADLINE = { timeout: 60_000 };
const LIMITED = fileURLToPath(
  new URL("../fixtures/release_at_size_limit_process.ts", import.meta.url),
);
const hasPrlimit = spawnSync("prlimit", ["--version"]).status === 0;
const skip = !hasPrlimit && "prlimit(1) of util-linux is MISSING, this was NOT TESTED";

describe("A guard whose hold is lost", () => {
  for (const range of [undefined, { start: 0, length: 1 }]) {
    const what = range === undefined ? "a file" : "a range";
    it(
      `by an upgrade of ${what} says so, and does not hide its error`,
      DEADLINE,
      () =>
        inScratchFolder(async (folder) => {
          const path = join(folder, "lock");
          using lock = new FileLock(path, { range });
          using other = new FileLock(path, { range });
          const shared = other.acquireSync({ shared: true });
          for (
            const upgrade of [
              (guard: SharableGuard) => guard.upgradeSync({ timeout: 1 }),
              (guard: SharableGuard) => guard.upgrade({ timeout: 1 }),
            ]
          ) {
            let kept: SharableGuard | undefined;
            let held: boolean | undefined;
            await assert.rejects(async () => {
              using guard = lock.acquireSync({ shared: true });
              kept = guard;
              try {
                await upgrade(guard);
              } finally {
                held = guard.held; // Before its disposal, which ends any hold.
              }
            }, LockLostError);
            assert.equal(held, false);
            assert.throws(() => kept?.release(), Error);
            assert.equal(lock.mode, undefined);
          }
          shared.release();
          const next = lock.acquireSync();
          assert.equal(next.held, true);
          next.release();
        }),
    );

    it(
      `by the close of its lock on ${what} says so, and its disposal does nothing`,
      DEADLINE,
      () =>
        inScratchFolder((folder) => {
          const lock = new FileLock(join(folder, "lock"), { range });
          using guard = lock.acquireSync();
          lock.close();
          assert.equal(guard.held, false);
          assert.throws(() => guard.release(), /was closed/);
        }),
    );
  }

  it("by a release without space for its record is still released", {
    ...DEADLINE,
    skip,
  }, () =>
    inScratchFolder((folder) => {
      mkdirSync(join(folder, "files"));
      const program = [process.execPath, ...RUN[adapter.name], LIMITED, join(folder, "files")];
      const { status, signal, stdout, stderr } = spawnSync(
        "sh",
        ["-c", "trap '' XFSZ; exec \"$@\"", "sh", ...program],
        { encoding: "utf8", timeout: 50_000 },
      );
      assert.equal(status, 0, `${signal ?? status}: ${stdout}${stderr}`);
    }));
});
