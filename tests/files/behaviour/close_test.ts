import assert from "node:assert/strict";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { FileLock } from "../../../mod.ts";
import { inScratchFolder } from "../../support/scratch_folder.ts";

const DEADLINE = { timeout: 60_000 };

/** Starts a wait for a lock, which is granted before this returns. */
const WAITS: Readonly<Record<string, (lock: FileLock, other: FileLock) => Promise<unknown>>> = {
  "a free lock": (lock) => lock.acquire(),
  "a lock that is released": (lock, other) => {
    const guard = other.acquireSync();
    const pending = lock.acquire();
    guard.release();
    return pending;
  },
  "a shared lock that is upgraded": (lock, other) => {
    const shared = lock.acquireSync({ shared: true });
    const guard = other.acquireSync({ shared: true });
    const pending = shared.upgrade();
    guard.release();
    return pending;
  },
};

describe("A lock that is closed just before its waiter goes on", () => {
  for (const [name, wait] of Object.entries(WAITS)) {
    it(
      `is released and writes nothing: ${name}`,
      DEADLINE,
      () =>
        inScratchFolder(async (folder) => {
          const path = join(folder, "lock");
          const lock = new FileLock(path);
          using other = new FileLock(path);
          const pending = wait(lock, other);
          lock.close();
          // This file gets the number of the descriptor that was closed.
          const file = openSync(join(folder, "file"), "w");
          await assert.rejects(pending, (error: Error) => {
            return /TypeError: .*closed/.test(String(error.cause ?? error));
          });
          closeSync(file);
          assert.equal(readFileSync(join(folder, "file"), "utf8"), "");
          assert.ok(other.tryAcquire(), "the lock was kept");
        }),
    );
  }
});
