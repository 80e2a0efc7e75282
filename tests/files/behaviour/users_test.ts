import assert from "node:assert/strict";
import { chmodSync, chownSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { adapter } from "../../../src/runtime/mod.ts";
import { RUN } from "../../support/child.ts";
import { inScratchFolder } from "../../support/scratch_folder.ts";
import { StartedUnder } from "../../support/started_under.ts";

/** Numbers without accounts. */
const [USER, OTHER, STRANGER, GROUP] = [61001, 61002, 61003, 61004];
const fixture = fileURLToPath(new URL("../fixtures/user_process.ts", import.meta.url));
const ANY = "initial";
const skip = process.getuid!() !== 0 && "only ROOT becomes another user: this was NOT TESTED";

/** A process of another user, who is in the groups. */
function start(user: number, groups: readonly number[] = []): StartedUnder {
  const args = [...RUN[adapter.name], fixture, `${user}`, JSON.stringify(groups)];
  return new StartedUnder(process.execPath, args);
}

/** The owner, the group and the mode of a file. */
function accessOf(path: string): string {
  const { uid, gid, mode } = statSync(path);
  return `${uid}:${gid} ${(mode & 0o7777).toString(8)}`;
}

/** A folder of root that others can use as far as the mode says. */
function folderWith(scratch: string, mode: number): string {
  chmodSync(scratch, 0o711);
  const folder = join(scratch, "shared");
  mkdirSync(folder);
  chownSync(folder, 0, GROUP);
  chmodSync(folder, mode);
  return folder;
}

describe("files of several users", { skip, timeout: 60_000 }, () => {
  it("are shared by the users of a group, and refused to others", () =>
    inScratchFolder(async (scratch) => {
      const folder = folderWith(scratch, 0o775);
      await using user = start(USER, [GROUP]);
      await using other = start(OTHER, [GROUP]);
      await using stranger = start(STRANGER);
      const shared = { mode: 0o664, group: GROUP };
      const lock = { use: "lock", path: join(folder, "new", "lock"), options: shared };
      const counter = {
        use: "counter",
        path: join(folder, "counter"),
        options: { ...shared, durable: true },
      };
      const document = {
        use: "document",
        path: join(folder, "document"),
        options: { ...shared, [ANY]: { n: 0 } },
      };

      assert.deepEqual(await user.do(lock), { token: true, recovered: false });
      assert.equal(await user.do(counter), 1);
      assert.deepEqual(await user.do(document), { n: 1 });
      const own = `${USER}:${GROUP} 664`;
      for (const { path } of [lock, counter, document]) assert.equal(accessOf(path), own, path);
      assert.equal(accessOf(`${counter.path}.commit`), own);
      assert.equal(accessOf(`${document.path}.lock`), own);
      assert.equal(accessOf(join(folder, "new")), `${USER}:${GROUP} 775`);

      assert.deepEqual(await other.do(lock), { token: true, recovered: false });
      assert.equal(await other.do(counter), 2);
      assert.deepEqual(await other.do(document), { n: 2 });
      assert.equal(accessOf(document.path), `${OTHER}:${GROUP} 664`); // The last writer owns it.
      assert.deepEqual(await user.do(document), { n: 3 });
      assert.equal(await user.do(counter), 3);

      const plain = { options: { durable: true }, call: "get" };
      assert.equal(await stranger.do({ ...counter, ...plain }), 3);
      assert.deepEqual(await stranger.do({ ...document, options: {}, call: "get" }), { n: 3 });
      assert.deepEqual(await stranger.do({ ...lock, options: {} }), {
        token: false,
        recovered: false,
      });
      for (const options of [{}, { durable: true }]) {
        const { code, message } = await stranger.do({ ...counter, options });
        assert.deepEqual([code, /may only read/.test(message)], ["EACCES", true]);
      }
      assert.equal((await stranger.do({ ...document, options: {} })).code, "EACCES");
      assert.equal((await stranger.do({ ...lock, path: join(folder, "mine") })).code, "EACCES");
      chmodSync(folder, 0o777);
      const { code, message } = await stranger.do({ ...lock, path: join(folder, "mine") });
      assert.deepEqual([code, message], [
        "EPERM",
        `Cannot give the group ${GROUP} to "${join(folder, "mine")}": not permitted (EPERM)`,
      ]);
      assert.throws(() => statSync(join(folder, "mine")), { code: "ENOENT" });
    }));

  it("are shared in a folder with the sticky bit, whose files others may not make again", () =>
    inScratchFolder(async (scratch) => {
      const folder = folderWith(scratch, 0o1777);
      await using user = start(USER);
      await using other = start(OTHER);
      const options = { mode: 0o666 };
      const lock = { use: "lock", path: join(folder, "lock"), options };
      const counter = {
        use: "counter",
        path: join(folder, "counter"),
        options: { ...options, durable: true },
      };
      const document = {
        use: "document",
        path: join(folder, "document"),
        options: { ...options, [ANY]: { n: 0 } },
      };
      for (const one of [user, other]) {
        assert.deepEqual(await one.do(lock), { token: true, recovered: false });
      }
      assert.deepEqual([await user.do(counter), await other.do(counter)], [1, 2]);
      assert.deepEqual(await user.do(document), { n: 1 });
      assert.equal(accessOf(document.path), `${USER}:${USER} 666`);
      // The system lets only the owner of the document replace it.
      const { code } = await other.do(document);
      assert.equal(code, "EPERM");
      assert.deepEqual(await user.do(document), { n: 2 });
    }));

  it("are not replaced by a user that may only read them", () =>
    inScratchFolder(async (scratch) => {
      const folder = folderWith(scratch, 0o777);
      const path = join(folder, "document");
      writeFileSync(path, '{ "n": 1 }');
      chmodSync(path, 0o644);
      await using user = start(USER);
      const { code, message } = await user.do({ use: "document", path, options: {} });
      assert.deepEqual([code, /keep the owner 0/.test(message)], ["EPERM", true]);
      assert.equal(accessOf(path), "0:0 644");
    }));

  it("share syncs only if no user can have made the file for that who may not count", () =>
    inScratchFolder(async (scratch) => {
      const folder = folderWith(scratch, 0o777);
      const path = join(folder, "counter");
      writeFileSync(path, "1\n");
      writeFileSync(`${path}.commit`, "");
      for (const file of [path, `${path}.commit`]) {
        chownSync(file, OTHER, GROUP);
        chmodSync(file, 0o660);
      }
      chownSync(path, 0, GROUP);
      await using user = start(USER, [GROUP, STRANGER]);
      const counter = { use: "counter", path, options: { durable: true } };
      const { message } = await user.do(counter);
      assert.match(message, /to share syncs: it belongs to user 61002\. Remove it, and/);
      chmodSync(folder, 0o775);
      assert.equal(await user.do(counter), 2);
      chownSync(`${path}.commit`, 0, STRANGER);
      assert.match((await user.do(counter)).message, /other users may write to it, but not to the/);
    }));
});
