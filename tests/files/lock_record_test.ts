import assert from "node:assert/strict";
import { chmodSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { describe, it } from "node:test";
import { FileLock } from "../../mod.ts";
import { adapter } from "../../src/runtime/mod.ts";
import { Child } from "../support/child.ts";
import { inScratchFolder } from "../support/scratch_folder.ts";

const DEADLINE = { timeout: 60_000 };
const HOLDER = new URL("./fixtures/holding_process.ts", import.meta.url);

describe("The record in a lock file", () => {
  it("names the holder to every process", () =>
    inScratchFolder((folder) => {
      const path = join(folder, "lock");
      const label = 'a "label" \u00fc\u{1F512}\n';
      using lock = new FileLock(path, { label });
      using other = new FileLock(path);
      assert.equal(lock.owner(), undefined);
      assert.equal(readFileSync(path, "utf8"), "", "nothing is written before there is a holder");
      const before = Date.now();
      const guard = lock.acquireSync();
      const after = Date.now();
      const owner = other.owner();
      assert.ok(owner);
      const { thread, since, ...rest } = owner;
      assert.deepEqual(rest, {
        pid: process.pid,
        host: hostname(),
        runtime: `${adapter.name} ${adapter.version}`,
        label,
      });
      assert.ok(Number.isInteger(thread));
      assert.ok(since && before <= since.getTime() && since.getTime() <= after);
      assert.deepEqual(lock.owner(), owner);
      assert.throws(
        () => other.acquireSync({ timeout: 0 }),
        (error) => (error as Error).message.includes(`process ${process.pid}`),
      );
      guard.release();
      assert.equal(other.owner(), undefined);
    }));

  it("is a text of four lines", () =>
    inScratchFolder((folder) => {
      const path = join(folder, "lock");
      using lock = new FileLock(path, { label: "x" });
      const { token } = lock.acquireSync();
      const lines = readFileSync(path, "latin1").trim().split("\n");
      assert.equal(lines[0], "interlock lock 1");
      assert.equal(lines[1], `token ${token}`);
      assert.match(lines[2], /^held since \d{13}$/);
      assert.equal(JSON.parse(lines[3]).label, "x");
    }));

  it("gives growing tokens, across objects, restarts and damage", () =>
    inScratchFolder((folder) => {
      const path = join(folder, "lock");
      let last = 0;
      const next = () => {
        using lock = new FileLock(path);
        for (let i = 0; i < 3; i++) {
          using guard = lock.acquireSync();
          assert.ok(typeof guard.token === "number" && guard.token > last, String(guard.token));
          last = guard.token;
        }
      };
      next();
      next();
      for (const length of [0, 1, 17, 30, 41, 1000]) {
        truncateSync(path, length);
        next();
      }
      const text = readFileSync(path, "latin1");
      writeFileSync(path, text.replace(/token \d/, "token x"));
      next();
    }));

  it("is never written to a file with other contents", () =>
    inScratchFolder((folder) => {
      const large = new Uint8Array(1 << 20).fill(7);
      const other = (text: string) => new TextEncoder().encode(text);
      for (
        const contents of [large, other("x"), other("interlock lock 2\n"), other("Interlock"), [0]]
      ) {
        const path = join(folder, "file");
        writeFileSync(path, Uint8Array.from(contents));
        const { mtimeMs } = statSync(path);
        using lock = new FileLock(path);
        using guard = lock.acquireSync();
        assert.equal(guard.token, undefined);
        assert.equal(guard.recovered, false);
        assert.equal(lock.owner(), undefined);
        guard.release();
        assert.deepEqual(new Uint8Array(readFileSync(path)), Uint8Array.from(contents));
        assert.equal(statSync(path).mtimeMs, mtimeMs);
      }
    }));

  it("does not replace the text that another program writes while the lock is held", () =>
    inScratchFolder((folder) => {
      const path = join(folder, "lock");
      const contents: ((record: string) => string)[] = [
        () => "other\n",
        () => "x".repeat(1024),
        () => "other\n".repeat(1000),
        (record) => `${record}other\n`,
        (record) => record.replace(/^token \d/m, "token 9"),
        (record) => record.slice(0, -1) + " ",
      ];
      for (const written of contents) {
        for (const end of ["release", "downgrade", "close"] as const) {
          writeFileSync(path, "");
          using lock = new FileLock(path);
          const guard = lock.acquireSync();
          const text = written(readFileSync(path, "latin1"));
          writeFileSync(path, text);
          if (end === "close") lock.close();
          else guard[end]();
          assert.equal(readFileSync(path, "latin1"), text, end);
        }
      }
    }));

  it("is written again if another program empties the file while the lock is held", () =>
    inScratchFolder((folder) => {
      const path = join(folder, "lock");
      using lock = new FileLock(path);
      using other = new FileLock(path);
      for (const length of [0, 1, 30, 60, 1023]) {
        const guard = lock.acquireSync();
        truncateSync(path, length); // As a shell does with `exec 9> lock`, before it tries to lock.
        guard.release();
        assert.equal(statSync(path).size, 1024);
        const next = other.acquireSync();
        assert.deepEqual([next.token, next.recovered], [guard.token! + 1, false]);
        next.release();
      }
    }));

  it("gives greater tokens after the file was emptied, also if the clock is behind", () =>
    inScratchFolder((folder) => {
      const path = join(folder, "lock");
      using lock = new FileLock(path);
      lock.acquireSync().release();
      const ahead = String(2 ** 52);
      const text = readFileSync(path, "latin1").replace(/^token \d+/m, `token ${ahead}`);
      writeFileSync(path, text);
      const guard = lock.acquireSync();
      assert.equal(guard.token, 2 ** 52 + 1);
      guard.downgrade();
      truncateSync(path, 0);
      guard.upgradeSync();
      assert.equal(guard.token, 2 ** 52 + 2);
      assert.match(readFileSync(path, "latin1"), new RegExp(`^token ${guard.token}$`, "m"));
    }));

  it("is not believed if no holder can have written it", () =>
    inScratchFolder((folder) => {
      const path = join(folder, "lock");
      using lock = new FileLock(path);
      const before = lock.acquireSync();
      before.release();
      const text = readFileSync(path, "latin1");
      for (const token of ["9999999999999999", String(2 ** 53), "9007199254740991"]) {
        writeFileSync(path, text.replace(/^token \d+/m, `token ${token}`));
        using other = new FileLock(path);
        using guard = other.acquireSync();
        assert.ok(guard.token! > before.token! && guard.token! < 2 ** 52, String(guard.token));
      }
      const hostile = "\x1b[2J\x9b31m\u202e";
      const owners: readonly [object, object | undefined][] = [
        [{ pid: "1" }, undefined],
        [{ pid: -1 }, undefined],
        [{ pid: 1e300 }, undefined],
        [{ pid: 1, thread: {}, host: 5, runtime: [], label: null, other: 1, started: -1 }, {
          pid: 1,
        }],
        [{ pid: 1, host: hostile, descriptor: "9" }, { pid: 1, host: hostile }],
      ];
      for (const [written, found] of owners) {
        const record = `${text.slice(0, text.indexOf("{"))}${JSON.stringify(written)}\n`;
        writeFileSync(path, record.replace(/^free/m, "held"));
        using other = new FileLock(path);
        const { since: _, ...owner } = other.owner() ?? {};
        assert.deepEqual(owner, found ?? {});
        using guard = other.acquireSync();
        assert.equal(guard.recovered, true);
        using waiter = new FileLock(path, { record: false });
        writeFileSync(path, record.replace(/^free/m, "held"));
        assert.throws(() => waiter.acquireSync({ timeout: 0 }), (error) => {
          // deno-lint-ignore no-control-regex
          assert.doesNotMatch((error as Error).message, /[\x00-\x1f\x7f-\x9f\u202e]/);
          return true;
        });
      }
    }));

  it("is not written to a read-only file, which is still locked", () =>
    inScratchFolder((folder) => {
      const path = join(folder, "file");
      writeFileSync(path, "");
      chmodSync(path, 0o444);
      using lock = new FileLock(path);
      using other = new FileLock(path);
      using guard = lock.acquireSync();
      assert.equal(lock.capabilities.writable, false);
      assert.equal(guard.token, undefined);
      assert.equal(other.tryAcquire(), undefined);
      assert.equal(readFileSync(path, "utf8"), "");
    }));

  it("is not written if the option says so, nor by lock() and shared holders", () =>
    inScratchFolder((folder) => {
      const path = join(folder, "lock");
      using lock = new FileLock(path, { record: false });
      assert.equal(lock.acquireSync().token, undefined);
      using other = new FileLock(path);
      assert.equal(other.owner()?.pid, process.pid, "the kernel knows the holder");
      lock.close();
      other.lock();
      other.unlock();
      using guard = other.acquireSync({ shared: true });
      assert.equal(guard.token, undefined);
      assert.equal(readFileSync(path, "utf8"), "");
    }));

  it("is written by an upgrade, with a new token, and cleared by a downgrade", () =>
    inScratchFolder((folder) => {
      const path = join(folder, "lock");
      const lock = new FileLock(path);
      const token = lock.acquireSync().token!;
      lock.close();
      using again = new FileLock(path, { label: "me" });
      const guard = again.acquireSync({ shared: true });
      assert.equal(guard.token, undefined);
      guard.upgradeSync();
      assert.equal(again.owner()?.label, "me");
      assert.equal(guard.token, token + 1);
      guard.downgrade();
      assert.equal(again.owner()?.label, undefined);
      assert.equal(guard.token, undefined);
      assert.match(readFileSync(path, "latin1"), /^free since/m);
    }));

  it("has no room for a longer label", () =>
    inScratchFolder((folder) => {
      const path = join(folder, "lock");
      using lock = new FileLock(path, { label: "\u{1F512}".repeat(50) });
      lock.acquireSync();
      assert.equal(lock.owner()?.label, "\u{1F512}".repeat(50));
      assert.equal(statSync(path).size, 1024);
      assert.throws(() => new FileLock(path, { label: "x".repeat(101) }), RangeError);
    }));

  it(
    "tells the next holder that the last one died, and its name",
    DEADLINE,
    () =>
      inScratchFolder(async (folder) => {
        const path = join(folder, "lock");
        using lock = new FileLock(path);
        await using child = Child.here(HOLDER, path, "victim");
        assert.equal(await child.line(), "held");
        const owner = lock.owner();
        assert.equal(owner?.label, "victim");
        child.kill("SIGKILL");
        await child.ended;
        assert.equal(lock.owner(), undefined, "a dead process is named as the holder");
        const guard = lock.acquireSync();
        assert.equal(guard.recovered, true);
        assert.deepEqual(guard.previousOwner, owner);
        guard.release();
        const next = lock.acquireSync();
        assert.equal(next.recovered, false);
        assert.equal(next.previousOwner, undefined);
      }),
  );

  it(
    "reports no death if the last holder released the lock",
    DEADLINE,
    () =>
      inScratchFolder(async (folder) => {
        const path = join(folder, "lock");
        using lock = new FileLock(path);
        await using child = Child.here(HOLDER, path, "leaver");
        assert.equal(await child.line(), "held");
        child.close();
        await child.ended;
        assert.equal(lock.acquireSync().recovered, false);
      }),
  );
});
