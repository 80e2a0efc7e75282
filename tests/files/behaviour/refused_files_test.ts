import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, it } from "node:test";
import { FileCounter, FileLock, JsonFile } from "../../../mod.ts";
import { inScratchFolder } from "../../support/scratch_folder.ts";

interface Refusal {
  readonly path: string;
  /** The code of the system; a `TypeError` is always accepted. */
  readonly code?: string;
  /** A part of the message. */
  readonly words: RegExp;
  /** A symbolic link, which documents follow; see json_replace_test.ts. */
  readonly isLink?: true;
}

/** Paths that are not those of a file to lock, to count in or to keep a document in. */
function makeRefused(folder: string): Refusal[] {
  const at = (name: string) => join(folder, name);
  mkdirSync(at("folder"));
  writeFileSync(at("file"), "");
  symlinkSync(at("file"), at("link"));
  symlinkSync(at("target"), at("dangling"));
  execFileSync("mkfifo", [at("pipe")]);
  return [
    { path: at("folder"), code: "EISDIR", words: /it is a directory|not a regular file/ },
    { path: at("link"), code: "ELOOP", words: /symbolic link/, isLink: true },
    { path: at("dangling"), code: "ELOOP", words: /symbolic link/, isLink: true },
    { path: at("pipe"), words: /not a regular file/ },
    { path: "/dev/null", words: /not a regular file/ },
    { path: at("socket"), code: "ENXIO", words: /socket/ },
    { path: at(join("file", "in")), code: "ENOTDIR", words: /not a directory/ },
    { path: at("x".repeat(256)), code: "ENAMETOOLONG", words: /too long/ },
    { path: at("nul\0"), words: /without NUL/ },
    { path: `${folder}/half\ud800`, words: /lone surrogate/ },
    { path: "", words: /not be empty/ },
  ];
}

/** Runs `body` while there is a socket in the folder. */
async function withSocket(path: string, body: () => void): Promise<void> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(path, resolve));
  try {
    body();
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
}

const CLASSES: Readonly<Record<string, (path: string) => Disposable | void>> = {
  FileLock: (path) => new FileLock(path),
  "FileLock of a range": (path) => new FileLock(path, { range: { start: 0, length: 1 } }),
  FileCounter: (path) => new FileCounter(path),
  "FileCounter, durable,": (path) => new FileCounter(path, { durable: true }),
  "JsonFile.read": (path) => {
    using file = new JsonFile(path, { initial: {} });
    file.readSync();
  },
  "JsonFile.updateSync": (path) => {
    using file = new JsonFile(path, { initial: {} });
    file.updateSync((document) => document);
  },
};

for (const [name, open] of Object.entries(CLASSES)) {
  describe(`${name} refuses`, () => {
    it("a path that is not that of a file, and says why", () =>
      inScratchFolder(async (folder) => {
        const refused = makeRefused(folder);
        await withSocket(join(folder, "socket"), () => {
          for (const { path, code, words, isLink } of refused) {
            if (isLink && name.startsWith("JsonFile")) continue;
            assert.throws(() => open(path), (error: NodeJS.ErrnoException) => {
              const what = `${JSON.stringify(path.slice(0, 80))}: ${error}`;
              assert.ok(error instanceof TypeError || error.code === code, what);
              assert.match(error.message, words, what);
              assert.ok(
                path.includes("\0") || !path.isWellFormed() || error.message.includes(path) ||
                  code === "ENOTDIR",
                what,
              );
              return true;
            });
          }
        });
        assert.equal(existsSync(join(folder, "target")), false, "it followed the link");
        assert.equal(existsSync(join(folder, "nul")), false);
        if (!name.startsWith("JsonFile")) return;
        const locks = readdirSync(folder).filter((file) => file.endsWith(".lock"));
        assert.deepEqual(locks, [], "it made a lock beside a refused path");
        assert.equal(existsSync("/dev/null.lock"), false, "it made a lock beside a device");
        assert.equal(existsSync(".lock"), false, "it made a lock for an empty path");
      }));
  });
}
