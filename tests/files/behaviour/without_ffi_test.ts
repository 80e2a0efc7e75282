import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { FileLock } from "../../../mod.ts";
import { Child, executableOf } from "../../support/child.ts";
import { inScratchFolder } from "../../support/scratch_folder.ts";

const DEADLINE = { timeout: 60_000 };
const fixture = (name: string) => new URL(`../fixtures/${name}.ts`, import.meta.url);
const deno = executableOf("deno");
const skip = deno === undefined && "Deno is MISSING (run by tests/run.ts): this was NOT TESTED";
const FLAGS = ["run", "--quiet", "--no-config", "--no-lock", "--no-prompt"];
const start = (name: string, ...args: string[]) =>
  new Child(deno!, [...FLAGS, "--allow-read", "--allow-write", "--allow-env"], fixture(name), args);

describe("FileLock in Deno without --allow-ffi", { skip }, () => {
  it(
    "uses Deno's own lock, says so, and refuses the same paths",
    DEADLINE,
    () =>
      inScratchFolder(async (folder) => {
        const path = join(folder, "new", "lock");
        symlinkSync(path, join(folder, "link"));
        symlinkSync(join(folder, "target"), join(folder, "dangling"));
        execFileSync("mkfifo", [join(folder, "pipe")]);
        await using child = start("without_ffi_process", path, folder);
        assert.deepEqual(JSON.parse(await child.line()), {
          capabilities: { mechanism: "deno-fs-file", waiting: "polled", writable: true },
          excluded: true,
          grows: true,
          thrown: {
            range: "UnsupportedError",
            counter: "UnsupportedError",
            json: "UnsupportedError",
            link: "TypeError",
            dangling: "TypeError",
            pipe: "TypeError",
            "": "TypeError",
          },
        });
        assert.equal(existsSync(join(folder, "target")), false);
      }),
  );

  it(
    "excludes a lock by flock(2), and is excluded and woken by it",
    DEADLINE,
    () =>
      inScratchFolder(async (folder) => {
        const path = join(folder, "lock");
        using lock = new FileLock(path);
        {
          await using holder = start("holding_process", path, "without");
          assert.equal(await holder.line(), "held");
          assert.equal(lock.tryAcquire(), undefined);
          assert.equal(lock.owner()?.label, "without");
          const pending = lock.acquire();
          holder.kill("SIGKILL");
          const guard = await pending;
          assert.equal(guard.recovered, true);
          guard.release();
        }
        lock.lock();
        await using waiter = start("acquiring_process", path);
        assert.equal(await waiter.line(), "waiting");
        lock.unlock();
        assert.equal(await waiter.line(), "had it");
      }),
  );

  it(
    "locks a read-only file without a change",
    DEADLINE,
    () =>
      inScratchFolder(async (folder) => {
        const path = join(folder, "lock");
        writeFileSync(path, "");
        using lock = new FileLock(path);
        const args = [...FLAGS, "--allow-read", "--allow-env"];
        await using holder = new Child(deno!, args, fixture("holding_process"), [path]);
        assert.equal(await holder.line(), "held");
        assert.equal(lock.tryAcquire(), undefined);
        assert.equal(readFileSync(path, "utf8"), "");
      }),
  );
});
