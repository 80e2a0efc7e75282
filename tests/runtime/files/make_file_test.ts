import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { makeFile, openNameless } from "../../../src/runtime/files/make_file.ts";
import { libc, pathBytes } from "../../../src/runtime/mod.ts";
import { inScratchFolder } from "../../support/scratch_folder.ts";

const O_TMPFILE = 0o20000000;
const bytes = (text: string) => new TextEncoder().encode(text);

/** Replaces C functions while `body` runs. */
function instead(functions: Partial<typeof libc>, body: () => void): void {
  const names = Object.keys(functions) as (keyof typeof libc)[];
  const before = names.map((name) => libc[name]);
  const put = (name: string, value: unknown) =>
    Object.defineProperty(libc, name, { value, configurable: true });
  for (const name of names) put(name, functions[name]);
  try {
    body();
  } finally {
    names.forEach((name, i) => put(name, before[i]));
  }
}

const { open, linkat, statx } = libc;
/** Like a kernel without O_TMPFILE, to which the flags open a folder for writing. */
const withoutNameless: Partial<typeof libc> = {
  open: (path, flags, mode) => open(path, flags & ~O_TMPFILE, mode),
};
/** Like a file system without links: with the error for a folder, which can have none. */
const withoutLinks: Partial<typeof libc> = {
  linkat: (from, _, to, path, flags) => linkat(from, pathBytes("/"), to, path, flags),
};
/** Like a system without /proc. */
const withoutProc: Partial<typeof libc> = {
  linkat: (from, path, ...rest) =>
    path.length === 1 ? linkat(from, path, ...rest) : linkat(from, pathBytes("/no/fd"), ...rest),
  statx: (fd, _, ...rest) => statx(fd, pathBytes("/no/fd"), ...rest),
};
/** The same before Linux 6.10, for an ordinary user. */
const withoutAnyName: Partial<typeof libc> = {
  ...withoutProc,
  linkat: (from, _, ...rest) => linkat(from, pathBytes("/no/fd"), ...rest),
};
const WAYS: Readonly<Record<string, Partial<typeof libc>>> = {
  "a file without a name": {},
  "a file without a name, without /proc": withoutProc,
  "a name of its own": withoutNameless,
  "a name of its own, and a rename": { ...withoutNameless, ...withoutLinks },
};

describe("makeFile", () => {
  for (const [way, functions] of Object.entries(WAYS)) {
    it(`creates a file once, with its contents, by ${way}`, () =>
      inScratchFolder((folder) => {
        const path = join(folder, "file");
        instead(functions, () => {
          assert.equal(makeFile(path, bytes("one\n")), true);
          assert.equal(makeFile(path, bytes("two\n")), false);
        });
        assert.equal(readFileSync(path, "utf8"), "one\n");
        assert.deepEqual(readdirSync(folder), ["file"]);
      }));
  }

  it("reports what is wrong with a folder, and leaves nothing", () =>
    inScratchFolder((folder) => {
      for (const functions of Object.values(WAYS)) {
        instead(functions, () => {
          assert.throws(() => makeFile(join(folder, "no", "file"), bytes("")), { code: "ENOENT" });
        });
      }
      assert.deepEqual(readdirSync(folder), []);
    }));

  it("says that /proc is missing if it is needed", () =>
    inScratchFolder((folder) => {
      const make = () => makeFile(join(folder, "file"), bytes(""));
      instead(withoutAnyName, () =>
        assert.throws(make, /\/proc\/self\/fd.*is missing.*Mount \/proc/));
      assert.deepEqual(readdirSync(folder), []);
    }));
});

describe("openNameless", () => {
  it("says that the file system has no files without a name", () =>
    inScratchFolder((folder) => {
      instead(withoutNameless, () => {
        assert.throws(() => openNameless(folder), {
          code: "EOPNOTSUPP",
          message: /O_TMPFILE.*Use a/,
        });
      });
    }));
});
