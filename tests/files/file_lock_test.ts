import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { FileLock } from "../../src/files/mod.ts";
import { describeLock } from "../contract/describe_lock.ts";
import { Child } from "../support/child.ts";
import { inScratchFolder } from "../support/scratch_folder.ts";
import { until } from "../support/until.ts";

const DEADLINE = { timeout: 60_000 };
const HOLDER = new URL("./fixtures/holding_process.ts", import.meta.url);

describeLock("FileLock", () => {
  const folder = mkdtempSync(join(tmpdir(), "interlock-test-"));
  const path = join(folder, "lock");
  const [lock, other] = [new FileLock(path), new FileLock(path)];
  return {
    lock,
    other,
    shared: { kind: "file-lock", path },
    close: () => {
      lock.close();
      other.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}, 1_000);

const withCode = (code: string) => (error: unknown) =>
  error instanceof Error && (error as NodeJS.ErrnoException).code === code;

describe("FileLock", () => {
  it("makes its file and folders, and keeps them after release and close", () =>
    inScratchFolder((folder) => {
      const path = join(folder, "some", "more", "lock");
      const lock = new FileLock(path);
      assert.equal(lock.path, path);
      for (let i = 0; i < 3; i++) {
        lock.acquireSync().release();
        assert.equal(existsSync(path), true);
      }
      lock.close();
      assert.equal(existsSync(path), true);
      assert.equal(statSync(path).mode & 0o777, 0o600);
      assert.equal(statSync(join(folder, "some")).mode & 0o777, 0o700);
    }));

  it("is released by close, which may be called twice", () =>
    inScratchFolder((folder) => {
      const path = join(folder, "lock");
      const [lock, other] = [new FileLock(path), new FileLock(path)];
      const guard = lock.acquireSync();
      assert.equal(other.tryAcquire(), undefined);
      lock.close();
      lock[Symbol.dispose]();
      const next = other.tryAcquire();
      assert.ok(next, "close kept the lock");
      assert.throws(() => guard.release(), Error);
      assert.equal(next.held, true);
      const third = new FileLock(path);
      assert.equal(
        third.tryAcquire(),
        undefined,
        "the guard of a closed lock released another hold",
      );
      other.close();
      third.close();
    }));

  it("says so if it is used after it was closed", () =>
    inScratchFolder((folder) => {
      const path = join(folder, "lock");
      const lock = new FileLock(path);
      lock.close();
      const uses = [() => lock.lock(), () => lock.tryAcquire(), () => lock.acquireSync()];
      for (const use of uses) {
        assert.throws(
          use,
          (error) => error instanceof TypeError && error.message.includes(path),
        );
      }
      assert.throws(() => lock.unlock(), Error);
    }));

  it("accepts any name that the system accepts", () =>
    inScratchFolder((folder) => {
      for (const name of ["a b", "ü\u{1F512}", "-rf", "new\nline", "*", "x".repeat(255), "%00"]) {
        const path = join(folder, name);
        const lock = new FileLock(path);
        lock.acquireSync().release();
        lock.close();
        assert.equal(existsSync(path), true, name);
      }
    }));

  it("refuses links, folders, pipes, devices and broken paths", () =>
    inScratchFolder((folder) => {
      symlinkSync(join(folder, "target"), join(folder, "link"));
      execFileSync("mkfifo", [join(folder, "pipe")]);
      writeFileSync(join(folder, "file"), "");
      assert.throws(() => new FileLock(join(folder, "link")), withCode("ELOOP"));
      assert.throws(() => new FileLock(folder), withCode("EISDIR"));
      assert.throws(() => new FileLock(join(folder, "file", "lock")), withCode("ENOTDIR"));
      assert.throws(() => new FileLock(join(folder, "x".repeat(256))), withCode("ENAMETOOLONG"));
      for (
        const path of [
          join(folder, "pipe"),
          "/dev/null",
          `${folder}/new/`,
          "",
          "a\0b",
          join(folder, "l\0x"),
        ]
      ) {
        assert.throws(() => new FileLock(path), TypeError, JSON.stringify(path));
      }
      assert.equal(existsSync(join(folder, "target")), false);
      assert.equal(existsSync(join(folder, "l")), false);
    }));

  it(
    "excludes a process until that one is killed with the lock held",
    DEADLINE,
    () =>
      inScratchFolder(async (folder) => {
        const path = join(folder, "lock");
        const lock = new FileLock(path);
        const child = Child.here(HOLDER, path);
        try {
          assert.equal(await child.line(), "held");
          assert.equal(lock.tryAcquire(), undefined);
          assert.throws(() => lock.acquireSync({ timeout: 60 }), { name: "TimeoutError" });
          child.kill("SIGKILL");
          // It waits only for the end of the process.
          lock.acquireSync({ timeout: 20_000 }).release();
          assert.equal((await child.ended).signal, "SIGKILL");
          assert.ok(lock.tryAcquire());
        } finally {
          child.kill();
          await child.ended;
          lock.close();
        }
      }),
  );

  it(
    "is not inherited by a child that its holder starts",
    DEADLINE,
    () =>
      inScratchFolder(async (folder) => {
        const path = join(folder, "lock");
        const [lock, other] = [new FileLock(path), new FileLock(path)];
        lock.lock();
        const child = Child.here(HOLDER, join(folder, "another"));
        try {
          assert.equal(await child.line(), "held");
          lock.close();
          assert.ok(other.tryAcquire(), "the child has the descriptor");
        } finally {
          child.kill();
          await child.ended;
          other.close();
        }
      }),
  );

  it(
    "that is not replaceable notices a new file soon, and after a wait at once",
    DEADLINE,
    () =>
      inScratchFolder(async (folder) => {
        const path = join(folder, "lock");
        using lock = new FileLock(path, { replaceable: false, record: false });
        lock.acquireSync().release();
        rmSync(path);
        using other = new FileLock(path);
        // The two exclude each other again.
        await until("the new file", () => {
          using _guard = lock.acquireSync();
          using entered = other.tryAcquire();
          return entered === undefined;
        });
        const guard = other.acquireSync();
        const pending = lock.acquire();
        rmSync(path);
        using third = new FileLock(path);
        guard.release();
        using _guard = await pending;
        assert.equal(third.tryAcquire(), undefined, "it has the file that was removed");
        assert.throws(
          () => new FileLock(path, { replaceable: 1 as unknown as boolean }),
          TypeError,
        );
      }),
  );
});
