import assert from "node:assert/strict";
import { readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { describe, it } from "node:test";
import { FileLock } from "../../mod.ts";
import { inspectLockFile } from "../../src/files/inspection.ts";
import { Child } from "../support/child.ts";
import { cannotMount, runMounted } from "../support/mounted.ts";
import { inScratchFolder } from "../support/scratch_folder.ts";
import { until } from "../support/until.ts";

const DEADLINE = { timeout: 60_000 };
const HOLDER = new URL("./fixtures/holding_process.ts", import.meta.url);
/** What a lock is without a visible holder: only the first PID namespace sees all of them. */
const UNHELD = readlinkSync("/proc/self/ns/pid") === "pid:[4026531836]" ? "free" : "unknown";

const INSPECTING = new URL("./fixtures/inspecting_process.ts", import.meta.url);
/** Mounts a file system in which stat(2) tells another device than the kernel's list of locks. */
const mountOverlay = (folder: string) => `
  mount -t tmpfs none '${folder}'
  cd '${folder}'
  mkdir lower other merged
  mount -t tmpfs none other
  mkdir other/upper other/work
  mount -t overlay none -o lowerdir=lower,upperdir=other/upper,workdir=other/work,xino=off merged`;
const cannotOverlay = await inScratchFolder((folder) => cannotMount(mountOverlay(folder)));

describe("inspectLockFile", () => {
  it(
    "finds the lock if stat(2) tells another device than the kernel's list, as in btrfs",
    { ...DEADLINE, skip: cannotOverlay },
    () =>
      inScratchFolder((folder) => {
        if (cannotOverlay !== false) return; // Bun ignores `skip` here.
        runMounted(mountOverlay(folder), INSPECTING, join(folder, "merged"));
      }),
  );

  it(
    "shows the holder, its command line and the processes that wait",
    DEADLINE,
    () =>
      inScratchFolder(async (folder) => {
        const path = join(folder, "lock");
        await using holder = Child.here(HOLDER, path, "backup");
        await holder.line();
        await using waiter = Child.here(HOLDER, path);
        const found = await until("a waiter", () => {
          const found = inspectLockFile(path);
          return found.waiters.length > 0 && found;
        });
        assert.equal(found.state, "held");
        const [{ owner, command }] = found.holders;
        assert.deepEqual([owner.pid, owner.label], [holder.pid, "backup"]);
        assert.match(command!, /holding_process\.ts/);
        assert.deepEqual(found.waiters.map(({ owner, isShared }) => [owner.pid, isShared]), [
          [waiter.pid, false],
        ]);
        assert.match(found.waiters[0].command!, /holding_process\.ts/);
        assert.match(readFileSync(path, "utf8"), new RegExp(`token 0*${found.token}\n`));
      }),
  );

  it(
    "says that a holder died, and changes no byte",
    DEADLINE,
    () =>
      inScratchFolder(async (folder) => {
        const path = join(folder, "lock");
        await using holder = Child.here(HOLDER, path);
        await holder.line();
        holder.kill();
        await holder.ended;
        const before = readFileSync(path);
        const { state, holders } = inspectLockFile(path);
        assert.equal(state, "dead");
        assert.deepEqual(holders.map(({ owner }) => owner.pid), [holder.pid]);
        assert.ok(readFileSync(path).equals(before));
        using lock = new FileLock(path);
        using guard = lock.acquireSync();
        assert.equal(guard.recovered, true);
      }),
  );

  it("tells shared holders, and free locks, with and without a record", () =>
    inScratchFolder((folder) => {
      const path = join(folder, "lock");
      using lock = new FileLock(path);
      const guard = lock.acquireSync({ shared: true });
      const shared = inspectLockFile(path);
      assert.equal(shared.state, "shared");
      assert.deepEqual(shared.holders.map(({ owner }) => owner.pid), [process.pid]);
      guard.release();
      assert.equal(inspectLockFile(path).state, UNHELD);
      writeFileSync(join(folder, "other"), "not a record");
      const other = inspectLockFile(join(folder, "other"));
      assert.deepEqual([other.state, other.token], [UNHELD, undefined]);
      assert.throws(() => inspectLockFile(join(folder, "missing")), { code: "ENOENT" });
    }));
});
