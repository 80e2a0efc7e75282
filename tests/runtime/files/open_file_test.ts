import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  linkSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { describe, it } from "node:test";
import {
  adapter,
  closeFile,
  libc,
  makeDirectory,
  O_CLOEXEC,
  O_CREAT,
  O_EXCL,
  O_NOFOLLOW,
  O_RDONLY,
  O_RDWR,
  O_TRUNC,
  O_WRONLY,
  openFile,
  openRegularFile,
  pathBytes,
  reserve,
  statusOf,
} from "../../../src/runtime/mod.ts";
import { openFiles } from "../../support/open_files.ts";
import { inScratchFolder } from "../../support/scratch_folder.ts";

function flagsOf(fd: number): number {
  const info = readFileSync(`/proc/self/fdinfo/${fd}`, "utf8");
  return parseInt(/^flags:\s+([0-7]+)$/m.exec(info)![1], 8);
}

const withCode = (code: string) => (error: unknown) =>
  error instanceof Error && (error as NodeJS.ErrnoException).code === code;

describe("A path", () => {
  it("ends with NUL for C", () => {
    assert.deepEqual([...pathBytes("/ü")], [0x2f, 0xc3, 0xbc, 0]);
  });

  it("is refused if C would read another one", () => {
    for (const path of ["", "a\0b", "\0", undefined, 7] as string[]) {
      assert.throws(() => pathBytes(path), TypeError);
      assert.throws(() => openRegularFile(path), TypeError);
      assert.throws(() => makeDirectory(path), TypeError);
    }
  });
});

describe("A file", () => {
  it("is opened close-on-exec and is closed by closeFile", () =>
    inScratchFolder((folder) => {
      const path = join(folder, "file");
      for (const fd of [openFile(path, O_RDWR | O_CREAT), openRegularFile(path)]) {
        assert.equal(flagsOf(fd) & O_CLOEXEC, O_CLOEXEC);
        closeFile(fd);
        assert.equal(libc.close(fd), -1);
      }
    }));

  it("is created for its user only", () =>
    inScratchFolder((folder) => {
      const path = join(folder, "file");
      closeFile(openRegularFile(path));
      assert.equal(statSync(path).mode & 0o777, 0o600);
    }));

  it("is read and written", () =>
    inScratchFolder((folder) => {
      const path = join(folder, "file");
      const out = openFile(path, O_WRONLY | O_CREAT | O_TRUNC);
      assert.equal(libc.write(out, new TextEncoder().encode("0123"), 4), 4);
      closeFile(out);
      const bytes = new Uint8Array(8);
      const back = openFile(path, O_RDONLY);
      assert.equal(libc.read(back, bytes, 8), 4);
      closeFile(back);
      assert.equal(new TextDecoder().decode(bytes.subarray(0, 4)), "0123");
      closeFile(openFile(path, O_WRONLY | O_TRUNC));
      assert.equal(statSync(path).size, 0);
    }));

  it("that exists is opened unchanged", () =>
    inScratchFolder((folder) => {
      const path = join(folder, "file");
      writeFileSync(path, "contents");
      const fd = openRegularFile(path);
      const { isFile, isFolder, mode, user, size, links } = statusOf(fd, path);
      assert.deepEqual([isFile, isFolder, size, links], [true, false, 8, 1]);
      const status = statSync(path);
      assert.deepEqual([mode, user], [status.mode & 0o7777, status.uid]);
      reserve(fd, path, 5);
      assert.equal(readFileSync(path, "utf8"), "contents");
      reserve(fd, path, 70_000);
      assert.equal(statusOf(fd, path).size, 70_000);
      assert.equal(readFileSync(path, "utf8").slice(0, 9), "contents\0");
      closeFile(fd);
    }));

  it("with two names is one file", () =>
    inScratchFolder((folder) => {
      const path = join(folder, "file");
      writeFileSync(path, "x");
      linkSync(path, join(folder, "twin"));
      closeFile(openRegularFile(join(folder, "twin")));
    }));

  it("is refused with the system's code", () =>
    inScratchFolder((folder) => {
      const path = join(folder, "file");
      writeFileSync(path, "");
      symlinkSync(path, join(folder, "link"));
      symlinkSync(join(folder, "nowhere"), join(folder, "dangling"));
      const refused: [string, string][] = [
        [folder, "EISDIR"],
        [join(folder, "link"), "ELOOP"],
        [join(folder, "dangling"), "ELOOP"],
        [join(folder, "none", "file"), "ENOENT"],
        [join(path, "file"), "ENOTDIR"],
        [join(folder, "x".repeat(256)), "ENAMETOOLONG"],
      ];
      for (const [path, code] of refused) {
        assert.throws(() => openRegularFile(path), withCode(code), path);
      }
      assert.equal(existsSync(join(folder, "nowhere")), false, "made the target of a link");
      assert.throws(
        () => openFile(path, O_RDWR | O_NOFOLLOW | O_EXCL | O_CREAT),
        withCode("EEXIST"),
      );
    }));

  it("is refused if the user may not open it", () =>
    inScratchFolder((folder) => {
      const path = join(folder, "file");
      writeFileSync(path, "");
      chmodSync(path, 0o400);
      chmodSync(folder, 0o755);
      // The system refuses root nothing, so this thread opens files as another user here.
      const { setfsuid } = adapter.bind({ setfsuid: { parameters: ["u32"], result: "i32" } });
      const me = process.getuid!();
      if (me === 0) setfsuid(65534);
      try {
        assert.throws(() => openRegularFile(path), withCode("EACCES"));
      } finally {
        if (me === 0) setfsuid(me);
      }
    }));

  it("that is not regular is refused and its descriptor closed", () =>
    inScratchFolder((folder) => {
      const pipe = join(folder, "pipe");
      execFileSync("mkfifo", [pipe]);
      assert.throws(() => openRegularFile(pipe), TypeError);
      assert.deepEqual(openFiles(pipe), [], "a descriptor was left open");
      assert.throws(() => openRegularFile("/dev/null"), TypeError);
    }));
});
