import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { ENOENT, errno, ESRCH } from "../../../src/runtime/c/errno.ts";
import { systemCall } from "../../../src/runtime/c/libc.ts";
import {
  AT_FDCWD,
  closeFile,
  libc,
  O_DIRECTORY,
  openFile,
  pathBytes,
} from "../../../src/runtime/mod.ts";
import { inScratchFolder } from "../../support/scratch_folder.ts";

/** The number of no thread: above the greatest that Linux gives. */
const NO_THREAD = 2 ** 22 + 1;
const EEXIST = 17;

describe("A system call, where the C library has no function for it:", () => {
  it("tgkill finds threads", () => {
    const tgkill = systemCall("tgkill");
    assert.equal(tgkill(libc.getpid(), libc.gettid(), 0), 0);
    assert.equal(tgkill(libc.getpid(), NO_THREAD, 0), -1);
    assert.equal(errno(), ESRCH);
  });

  it("statx tells the same of a file", () =>
    inScratchFolder((folder) => {
      const path = pathBytes(folder);
      const [ours, theirs] = [systemCall("statx"), libc.statx].map((statx) => {
        const bytes = new Uint8Array(256);
        assert.equal(statx(AT_FDCWD, path, 0, 0xfff, bytes), 0);
        return bytes;
      });
      assert.ok(ours.some((byte) => byte !== 0));
      assert.deepEqual(ours, theirs);
      assert.equal(systemCall("statx")(AT_FDCWD, pathBytes(`${folder}/no`), 0, 1, ours), -1);
      assert.equal(errno(), ENOENT);
    }));

  it("getdents64 lists the same names", () =>
    inScratchFolder((folder) => {
      for (const name of ["a", "b", "c"]) mkdirSync(join(folder, name));
      const [ours, theirs] = [systemCall("getdents64"), libc.getdents64].map((getdents64) => {
        const fd = openFile(folder, O_DIRECTORY);
        const bytes = new Uint8Array(4096);
        assert.ok(getdents64(fd, bytes, bytes.length) >= 5 * 24);
        closeFile(fd);
        return bytes;
      });
      assert.deepEqual(ours, theirs);
    }));

  it("renameat2 renames, and replaces nothing if told so", () =>
    inScratchFolder((folder) => {
      const renameat2 = systemCall("renameat2");
      const [from, to] = ["from", "to"].map((name) => join(folder, name));
      const rename = () => renameat2(AT_FDCWD, pathBytes(from), AT_FDCWD, pathBytes(to), 1);
      writeFileSync(from, "first");
      assert.equal(rename(), 0);
      writeFileSync(from, "second");
      assert.equal(rename(), -1);
      assert.equal(errno(), EEXIST);
      assert.equal(readFileSync(to, "utf8"), "first");
    }));
});
