import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import {
  darwinError,
  darwinStatus,
  libSystemSignatures,
  STAT_BYTES,
  statNames,
} from "../../../src/runtime/file_locks/darwin_calls.ts";
import { adapter, closeFile, pathBytes, statusOf } from "../../../src/runtime/mod.ts";
import { inScratchFolder } from "../../support/scratch_folder.ts";

const [O_WRONLY, O_CREAT] = [0o1, 0o100]; // Of Linux.

describe("darwinStatus", () => {
  const of = (device: number, mode: number, inode: bigint) => {
    const view = new DataView(new ArrayBuffer(STAT_BYTES));
    new Uint8Array(view.buffer).fill(0xa5);
    view.setInt32(0, device, true);
    view.setUint16(4, mode, true);
    view.setBigUint64(8, inode, true);
    return darwinStatus(new Uint8Array(view.buffer));
  };

  it("reads the type and the permissions of a file", () => {
    assert.deepEqual(of(16777220, 0o100644, 12n), {
      isFile: true,
      isFolder: false,
      mode: 0o644,
      id: "16777220:12",
    });
    assert.equal(of(1, 0o040755, 1n).isFolder, true);
    assert.deepEqual([of(1, 0o010600, 1n).isFile, of(1, 0o120777, 1n).isFile], [false, false]);
  });

  it("distinguishes files by the device and all 64 bits of the inode", () => {
    const ids = [of(1, 0, 1n), of(2, 0, 1n), of(1, 0, 1n + (1n << 40n)), of(1, 7, 1n)]
      .map(({ id }) => id);
    assert.equal(new Set(ids).size, 3);
    assert.equal(ids[0], ids[3]);
  });
});

describe("The calls of macOS", () => {
  it("use the functions with 64-bit inodes", () => {
    assert.deepEqual(statNames("x64"), { fstat: "fstat$INODE64", lstat: "lstat$INODE64" });
    assert.deepEqual(statNames("arm64"), { fstat: "fstat", lstat: "lstat" });
  });

  it("pass the mode to open(2) where a variadic C function finds it", () =>
    inScratchFolder((folder) => {
      const { open } = adapter.bind({ open: libSystemSignatures.open });
      const path = join(folder, "made");
      const fd = open(pathBytes(path), O_CREAT | O_WRONLY, 0o600, 0, 0, 0, 0, 0, 0o600);
      assert.ok(fd >= 0);
      assert.equal(statusOf(fd, path).mode, 0o600);
      closeFile(fd);
      assert.equal(readFileSync(path, "utf8"), "");
    }));

  it("have other error numbers than Linux, with the same names", () => {
    for (
      const [number, code] of [
        [2, "ENOENT"],
        [11, "EDEADLK"],
        [35, "EAGAIN"],
        [62, "ELOOP"],
        [77, "ENOLCK"],
      ] as const
    ) {
      const error: NodeJS.ErrnoException = darwinError("open", "/a", number);
      assert.deepEqual([error.code, error.errno], [code, number]);
      assert.match(error.message, new RegExp(`"/a".*${code}`));
    }
    assert.match(darwinError("open", "/a", 999).message, /errno 999/);
  });
});
