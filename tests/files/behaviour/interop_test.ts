import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { FileLock } from "../../../mod.ts";
import { executableOf } from "../../support/child.ts";
import { kernelWaiters } from "../../support/kernel_waiters.ts";
import { Program } from "../../support/program.ts";
import { inScratchFolder } from "../../support/scratch_folder.ts";
import { until } from "../../support/until.ts";

const DEADLINE = { timeout: 60_000 };
const fixture = (name: string) => fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));
const runs = (...command: string[]) => spawnSync(command[0], command.slice(1)).status === 0;

type Mode = "ex" | "sh";
type How = "wait" | "try";

/** Another program that locks files. */
interface Other {
  readonly name: string;
  /** The program that it needs and that is missing. */
  readonly missing: string | undefined;
  /** A command that locks a file, says `held`, and holds the lock until its standard input ends. */
  command(path: string, mode: Mode, how: How): readonly string[];
}

/** `PATH PID`: ends a process group when a process sleeps in the kernel for a file. */
const END_WHEN_WAITED = `
  until grep -qE -- "-> FLOCK.*:$(stat -c %i "$0") " /proc/locks; do sleep 0.01; done
  kill -TERM "-$1"
`;

const built = mkdtempSync(join(tmpdir(), "interlock-test-"));
after(() => rmSync(built, { recursive: true, force: true }));
const hasC = runs("cc", "--version");
if (hasC) execFileSync("cc", ["-Wall", "-Werror", "-o", join(built, "flock"), fixture("flock.c")]);
const deno = executableOf("deno");

const OTHERS: readonly Other[] = [
  {
    name: "flock(1)",
    missing: runs("flock", "--version") ? undefined : "util-linux",
    command: (path, mode, how) => [
      "flock",
      mode === "ex" ? "-x" : "-s",
      ...(how === "try" ? ["-n"] : []),
      path,
      "sh",
      "-c",
      "echo held; cat",
    ],
  },
  {
    name: "fcntl.flock of Python",
    missing: runs("python3", "--version") ? undefined : "python3",
    command: (path, mode, how) => ["python3", fixture("flock.py"), path, mode, how],
  },
  {
    name: "Deno.FsFile.lock of plain Deno",
    missing: deno === undefined ? "Deno (run by tests/run.ts)" : undefined,
    command: (path, mode, how) => [
      deno!,
      "run",
      "--quiet",
      "--no-config",
      "--no-lock",
      "--allow-read",
      "--allow-write",
      fixture("deno_lock_process.ts"),
      path,
      mode,
      how,
    ],
  },
  {
    name: "flock(2) of a C program",
    missing: hasC ? undefined : "cc",
    command: (path, mode, how) => [join(built, "flock"), path, mode, how],
  },
];

for (const { name, missing, command } of OTHERS) {
  const skip = missing !== undefined && `${missing} is MISSING: this was NOT TESTED`;
  describe(`FileLock and ${name}`, { skip }, () => {
    const withOther = (body: (path: string, lock: FileLock) => Promise<void>) =>
      inScratchFolder(async (folder) => {
        const path = join(folder, "lock");
        using lock = new FileLock(path);
        await body(path, lock);
      });
    const tries = async (path: string, mode: Mode) => {
      await using other = new Program(command(path, mode, "try"));
      other.close();
      return (await other.ended).code === 0;
    };

    it(
      "is excluded, and woken, by either kind of wait",
      DEADLINE,
      () =>
        withOther(async (path, lock) => {
          for (const way of ["acquire", "acquireSync"] as const) {
            await using other = new Program(command(path, "ex", "wait"));
            assert.equal(await other.line(), "held");
            assert.equal(lock.tryAcquire(), undefined);
            assert.equal(lock.tryAcquire({ shared: true }), undefined);
            // Another process ends it when there is a wait, since this thread may be blocked in it.
            await using _ender = new Program(["sh", "-c", END_WHEN_WAITED, path, `${other.pid}`]);
            const guard = way === "acquire"
              ? await lock.acquire()
              : lock.acquireSync({ timeout: 30_000 });
            assert.equal(lock.mode, "exclusive");
            guard.release();
          }
        }),
    );

    it("excludes it, and wakes it", DEADLINE, () =>
      withOther(async (path, lock) => {
        const guard = lock.acquireSync();
        assert.deepEqual([await tries(path, "ex"), await tries(path, "sh")], [false, false]);
        await using other = new Program(command(path, "ex", "wait"));
        await until("the other to wait", () => kernelWaiters(path) === 1);
        guard.release();
        assert.equal(await other.line(), "held");
        assert.equal(lock.tryAcquire(), undefined);
        other.close();
        assert.equal((await other.ended).code, 0);
        assert.ok(lock.tryAcquire());
      }));

    it("shares with it, both ways", DEADLINE, () =>
      withOther(async (path, lock) => {
        const guard = lock.acquireSync({ shared: true });
        assert.deepEqual([await tries(path, "ex"), await tries(path, "sh")], [false, true]);
        guard.release();
        await using other = new Program(command(path, "sh", "wait"));
        assert.equal(await other.line(), "held");
        assert.equal(lock.tryAcquire(), undefined);
        assert.ok(lock.tryAcquire({ shared: true }));
      }));

    it(
      "does not change its contents, and is woken by its death",
      DEADLINE,
      () =>
        withOther(async (path, lock) => {
          writeFileSync(path, "its own\n");
          await using other = new Program(command(path, "ex", "wait"));
          assert.equal(await other.line(), "held");
          const pending = lock.acquire();
          await until("a wait", () => kernelWaiters(path) === 1);
          await other[Symbol.asyncDispose]();
          const guard = await pending;
          assert.deepEqual([guard.token, guard.recovered], [undefined, false]);
        }),
    );
  });
}
