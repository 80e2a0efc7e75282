import assert from "node:assert/strict";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { FileLock, JsonFile } from "../../../src/files/mod.ts";
import { openLockFile } from "../../../src/runtime/file_locks/open_lock_file.ts";
import {
  describeRejected,
  type Hold,
  type WaitUnderTest,
} from "../../contract/describe_rejected.ts";

function scratch(): { path: string; remove(): void } {
  const folder = mkdtempSync(join(tmpdir(), "interlock-test-"));
  return { path: join(folder, "it"), remove: () => rmSync(folder, { recursive: true }) };
}

for (const [kind, range] of [["flock", undefined], ["range", { start: 1, length: 2 }]] as const) {
  describeRejected(`A FileLock (${kind}) that another process holds`, (): WaitUnderTest => {
    const { path, remove } = scratch();
    const lock = new FileLock(path, { range });
    // In place of another process: the locks of one thread know each other.
    const other = openLockFile(path, range);
    return {
      acquire: (options) => lock.acquire(options),
      closeWaiter: () => lock.close(),
      tryTake: () => other.tryLock(false) ? { release: () => other.unlock() } : undefined,
      close() {
        lock.close();
        other.close();
        remove();
      },
    };
  });
}

describeRejected("A FileLock that another lock of the thread holds", (): WaitUnderTest => {
  const { path, remove } = scratch();
  const [lock, other] = [new FileLock(path), new FileLock(path)];
  return {
    acquire: (options) => lock.acquire(options),
    closeWaiter: () => lock.close(),
    tryTake: () => other.tryAcquire(),
    close() {
      lock.close();
      other.close();
      remove();
    },
  };
});

describeRejected("A JsonFile", (): WaitUnderTest => {
  const { path, remove } = scratch();
  const file = new JsonFile<{ updates: number }>(path, { initial: { updates: 0 } });
  const other = new FileLock(`${path}.lock`);
  return {
    acquire: (options) =>
      new Promise<Hold>((resolve, reject) => {
        const change = ({ updates }: { updates: number }) =>
          new Promise<{ updates: number }>((written) => {
            resolve({ release: () => written({ updates: updates + 1 }) });
          });
        file.update(change, options).catch(reject);
      }),
    closeWaiter: () => file.close(),
    tryTake: () => other.tryAcquire(),
    close() {
      file.close();
      other.close();
      remove();
    },
  };
});

describe("A FileLock that is closed in the moment of a grant", () => {
  for (const record of [true, false]) {
    it(`rejects the wait, and writes nothing to the next file (record: ${record})`, async () => {
      const { path, remove } = scratch();
      const [lock, other] = [new FileLock(path, { record }), new FileLock(path)];
      const guard = other.tryAcquire();
      const wait = lock.acquire();
      guard!.release();
      lock.close();
      // It may have the number of the descriptor that was closed.
      const next = openSync(`${path}.next`, "w+");
      await assert.rejects(wait, { name: "TypeError", message: /closed/ });
      assert.equal(readFileSync(`${path}.next`, "utf8"), "");
      closeSync(next);
      assert.ok(other.tryAcquire());
      other.close();
      remove();
    });
  }
});
