import assert from "node:assert/strict";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { describe, it } from "node:test";
import { fileAccessBy, giveAccess } from "../../../src/runtime/files/file_access.ts";
import { makeDirectory, makeFolders } from "../../../src/runtime/files/folders.ts";
import { makeFile } from "../../../src/runtime/files/make_file.ts";
import { closeFile, openRegularFile } from "../../../src/runtime/files/open_file.ts";
import { inScratchFolder } from "../../support/scratch_folder.ts";

const TASK = "make a file lock";
/** A group that this process may give: any for root, its own for others. */
const group = process.getuid!() === 0 ? 12345 : process.getgid!();
const found = (path: string) => {
  const { mode, gid } = statSync(path);
  return [(mode & 0o7777).toString(8), gid];
};

describe("fileAccessBy", () => {
  it("finds a group by its name", () => {
    const line = readFileSync("/etc/group", "utf8").split("\n").find((line) =>
      !line.startsWith("root")
    )!;
    const [name, , number] = line.split(":");
    assert.deepEqual(fileAccessBy({ group: name }, TASK), { mode: 0o600, group: Number(number) });
    assert.deepEqual(fileAccessBy({ mode: 0o660 }, TASK), { mode: 0o660, group: undefined });
    assert.equal(fileAccessBy({}, TASK), undefined);
  });

  it("refuses a group that the system does not know", () => {
    assert.throws(() => fileAccessBy({ group: "no such\ngroup" }, TASK), {
      message: 'Cannot make a file lock: /etc/group has no group "no such\\ngroup". ' +
        "Give the number of the group",
    });
  });
});

describe("giveAccess", () => {
  it("sets the mode whatever the umask is, and the group", () =>
    inScratchFolder((folder) => {
      const path = join(folder, "file");
      const fd = openRegularFile(path);
      giveAccess(fd, path, { mode: 0o666, group });
      closeFile(fd);
      assert.deepEqual(found(path), ["666", group]);
    }));

  it("makes files and folders for those who may read the file", () =>
    inScratchFolder((folder) => {
      const path = join(folder, "a", "b", "file");
      makeFolders(path, { mode: 0o662, group });
      assert.equal(makeFile(path, new Uint8Array(3), { mode: 0o662, group }), true);
      assert.deepEqual(found(path), ["662", group]);
      assert.deepEqual(found(join(folder, "a")), ["772", group]);
      assert.deepEqual(found(join(folder, "a", "b")), ["772", group]);
      makeDirectory(join(folder, "a"), { mode: 0o700, group: undefined });
      assert.deepEqual(found(join(folder, "a")), ["772", group]); // It existed.
    }));
});
