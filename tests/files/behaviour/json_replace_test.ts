import assert from "node:assert/strict";
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { describe, it } from "node:test";
import { FileLock, JsonFile } from "../../../mod.ts";
import { adapter } from "../../../src/runtime/mod.ts";
import { Child } from "../../support/child.ts";
import { inScratchFolder } from "../../support/scratch_folder.ts";

const DEADLINE = { timeout: 60_000 };
const WRITER = new URL("../fixtures/dying_writer.ts", import.meta.url);
const NOBODY = 65534;
const [OWNER, GROUP] = [1234, 4321];
const isRoot = process.getuid!() === 0;
const needsRoot = !isRoot && "only ROOT gives files to other users: this was NOT TESTED";

interface Jobs {
  done: number;
}
const more = ({ done }: Jobs): Jobs => ({ done: done + 1 });
const textOf = (done: number) => `{\n  "done": ${done}\n}\n`;
const uuid = "01234567-89ab-cdef-0123-456789abcdef";

/** Gives `body` a document that is `{"done":1}`. */
function withDocument(
  body: (file: JsonFile<Jobs>, path: string, folder: string) => void | Promise<void>,
): Promise<void> {
  return inScratchFolder(async (folder) => {
    const path = join(folder, "x.json");
    writeFileSync(path, '{"done":1}');
    using file = new JsonFile<Jobs>(path);
    await body(file, path, folder);
  });
}

/** Runs `body` in a thread that the system treats as a user without the rights of root. */
function asNobody(body: () => void): void {
  const { setfsuid } = adapter.bind({ setfsuid: { parameters: ["u32"], result: "i32" } });
  setfsuid(NOBODY);
  try {
    body();
  } finally {
    setfsuid(0);
  }
}

describe("A document that is replaced", () => {
  it("keeps the files that other programs have put beside it", () =>
    withDocument((file, path, folder) => {
      const precious = join(folder, "precious.txt");
      writeFileSync(precious, "precious");
      linkSync(precious, `${path}.new`);
      symlinkSync(precious, `${path}.${uuid}.new`);
      mkdirSync(`${path}.${uuid.replaceAll("0", "1")}.new`);
      writeFileSync(`${path}.other.new`, "other");
      const names = readdirSync(folder);
      assert.deepEqual(file.updateSync(more), { done: 2 });
      assert.deepEqual(readdirSync(folder).sort(), [...names, "x.json.lock"].sort());
      assert.equal(readFileSync(precious, "utf8"), "precious");
      assert.equal(readFileSync(`${path}.other.new`, "utf8"), "other");
    }));

  it(
    "is replaced despite a leftover of another user",
    { skip: needsRoot },
    () =>
      withDocument((file, path, folder) => {
        writeFileSync(`${path}.new`, "");
        writeFileSync(`${path}.${uuid}.new`, "");
        chmodSync(folder, 0o1777);
        chownSync(path, NOBODY, 0);
        asNobody(() => assert.deepEqual(file.updateSync(more), { done: 2 }));
        assert.ok(existsSync(`${path}.${uuid}.new`));
      }),
  );

  it(
    "loses the leftovers of killed writers at the next write",
    DEADLINE,
    () =>
      withDocument(async (file, path, folder) => {
        const names = ["x.json", "x.json.lock"];
        file.updateSync(more);
        for (let kills = 0; kills < 2; kills++) {
          await using child = Child.here(WRITER, path);
          assert.equal((await child.ended).signal, "SIGKILL");
          assert.equal(readdirSync(folder).length, names.length + 1);
          assert.deepEqual(file.readSync(), { done: 2 });
        }
        assert.deepEqual(file.updateSync(more), { done: 3 });
        assert.deepEqual(readdirSync(folder).sort(), names);
      }),
  );

  it(
    "loses the leftovers of a killed writer after a change that failed",
    DEADLINE,
    () =>
      withDocument(async (file, path, folder) => {
        file.updateSync(more); // The first update of an object always looks for leftovers.
        const names = readdirSync(folder).sort();
        await using child = Child.here(WRITER, path);
        assert.equal((await child.ended).signal, "SIGKILL");
        const fail = () => {
          throw new Error("no change");
        };
        assert.throws(() => file.updateSync(fail), /no change/);
        await assert.rejects(file.update(fail), /no change/);
        file.updateSync(more);
        assert.deepEqual(readdirSync(folder).sort(), names);
      }),
  );

  it(
    "is replaced in a folder that may not be listed",
    { skip: needsRoot },
    () =>
      withDocument((file, path, folder) => {
        file.updateSync(more);
        for (const name of [path, `${path}.lock`]) chownSync(name, NOBODY, 0);
        chmodSync(folder, 0o333);
        asNobody(() => {
          using other = new JsonFile<Jobs>(path, { durable: false });
          assert.deepEqual(other.updateSync(more), { done: 3 });
        });
      }),
  );

  it("loses older leftovers at the first update of a program", () =>
    inScratchFolder((folder) => {
      const path = join(folder, "x.json");
      writeFileSync(`${path}.${uuid}.new`, "half");
      using file = new JsonFile<Jobs>(path, { initial: { done: 0 } });
      file.updateSync(more);
      assert.deepEqual(readdirSync(folder).sort(), ["x.json", "x.json.lock"]);
    }));

  it("keeps its owner, group and mode", { skip: needsRoot }, () =>
    withDocument((file, path) => {
      chownSync(path, OWNER, GROUP);
      chmodSync(path, 0o664);
      file.updateSync(more);
      const { uid, gid, mode } = statSync(path);
      assert.deepEqual([uid, gid, mode & 0o7777], [OWNER, GROUP, 0o664]);
    }));

  it(
    "is not replaced if its owner cannot be kept",
    { skip: needsRoot },
    () =>
      withDocument((file, path, folder) => {
        chmodSync(folder, 0o777);
        chmodSync(path, 0o644);
        file.updateSync(more);
        chownSync(join(folder, "x.json.lock"), NOBODY, NOBODY);
        asNobody(() =>
          assert.throws(() => file.updateSync(more), (error: NodeJS.ErrnoException) => {
            assert.equal(error.code, "EPERM");
            assert.match(error.message, /keep the owner 0 and the group 0 of ".*x\.json"/);
            return true;
          })
        );
        assert.equal(readFileSync(path, "utf8"), textOf(2));
        assert.deepEqual(readdirSync(folder).sort(), ["x.json", "x.json.lock"]);
      }),
  );
});

describe("A document behind a symbolic link", () => {
  it("is replaced, and the link is kept", () =>
    withDocument(async (file, path, folder) => {
      const link = join(folder, "link.json");
      const folderLink = join(folder, "folder");
      symlinkSync("x.json", link);
      symlinkSync(folder, folderLink);
      using byLink = new JsonFile<Jobs>(link);
      using byFolder = new JsonFile<Jobs>(join(folderLink, "x.json"));
      assert.equal(byLink.path, link);
      byLink.updateSync(more);
      await byFolder.update(more);
      assert.deepEqual(
        [file.readSync(), byLink.readSync(), byFolder.readSync()],
        Array(3).fill({ done: 3 }),
      );
      assert.equal(readlinkSync(link), "x.json");
      assert.equal(lstatSync(path).isFile(), true);
      assert.deepEqual(readdirSync(folder).sort(), [
        "folder",
        "link.json",
        "x.json",
        "x.json.lock",
      ]);
    }));

  it("has one lock for all links to it", () =>
    withDocument((file, _, folder) => {
      const paths = ["one", "two"].map((name) => join(folder, name));
      for (const path of paths) symlinkSync("x.json", path);
      const [one, two] = paths.map((path) => new JsonFile<Jobs>(path));
      one.updateSync((document) => {
        for (const other of [two, file]) {
          assert.throws(() => other.updateSync(more, { timeout: 0 }), { name: "TimeoutError" });
        }
        return document;
      });
      using lock = new FileLock(join(folder, "x.json.lock"));
      lock.lock();
      assert.throws(() => two.updateSync(more, { timeout: 0 }), { name: "TimeoutError" });
      for (const file of [one, two]) file.close();
    }));

  it("to no file is refused, and nothing is made", () =>
    inScratchFolder((folder) => {
      const link = join(folder, "link");
      symlinkSync("missing", link);
      assert.throws(() => new JsonFile(link, { initial: {} }), (error: NodeJS.ErrnoException) => {
        assert.equal(error.code, "ENOENT");
        assert.match(error.message, /link".*symbolic link that leads nowhere/);
        return true;
      });
      symlinkSync("circle", join(folder, "circle"));
      assert.throws(() => new JsonFile(join(folder, "circle")), { code: "ELOOP" });
      assert.deepEqual(readdirSync(folder).sort(), ["circle", "link"]);
    }));

  it("that replaces it later is refused", () =>
    withDocument((file, path, folder) => {
      writeFileSync(join(folder, "other"), '{"done":7}');
      file.updateSync(more);
      unlinkSync(path);
      symlinkSync("other", path);
      assert.throws(() => file.readSync(), { code: "ELOOP" });
      assert.throws(() => file.updateSync(more), { code: "ELOOP" });
      assert.equal(readFileSync(join(folder, "other"), "utf8"), '{"done":7}');
    }));
});
