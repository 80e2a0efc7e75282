import assert from "node:assert/strict";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { describe, it } from "node:test";
import { makeFolders } from "../../src/host/own_folder.ts";
import { cacheFolder, findRuntimes, NEEDED } from "../../src/host/runtimes.ts";
import { adapter } from "../../src/runtime/mod.ts";
import { cannotMount, runMounted } from "../support/mounted.ts";
import { inScratchFolder } from "../support/scratch_folder.ts";

const DEADLINE = { timeout: 60_000 };
const SQUATTED = new URL("../counting/fixtures/squatted_process.ts", import.meta.url);
const PRIVATE_SHM = "mount -t tmpfs none /dev/shm";
const isRoot = process.getuid!() === 0;
const needsRoot = !isRoot && "only ROOT can change the owner of a folder: this was NOT TESTED";

/** Runs `body` with some environment variables set or removed. */
async function withEnvironment(
  variables: Readonly<Record<string, string | undefined>>,
  body: () => void | Promise<void>,
): Promise<void> {
  const before = Object.keys(variables).map((name) => [name, process.env[name]] as const);
  const set = (name: string, value: string | undefined) => {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  };
  for (const [name, value] of Object.entries(variables)) set(name, value);
  try {
    await body();
  } finally {
    for (const [name, value] of before) set(name, value);
  }
}

/** Puts a fake runtime into a cache. If it is run, it creates the file `run`. */
function plant(cache: string): void {
  const name = adapter.name === "bun" ? "node" : "bun";
  const file = name === "bun"
    ? `@oven/bun-linux-${process.arch === "x64" ? "x64" : "aarch64"}/bin/bun`
    : `node-linux-${process.arch}/bin/node`;
  const path = join(cache, "runtimes", `${name}-${NEEDED[name].fetched}`, "node_modules", file);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `#!/bin/sh\ntouch ${cache}/run\n`);
  chmodSync(path, 0o755);
}

/** Runs `body` with a runtime that is only in the cache. */
function withCache(
  body: (cache: string, outer: string, find: () => Promise<unknown>) => void | Promise<void>,
): Promise<void> {
  return inScratchFolder(async (folder) => {
    const outer = join(folder, "outer");
    mkdirSync(join(outer, "interlock"), { recursive: true });
    mkdirSync(join(folder, "empty"));
    plant(join(outer, "interlock"));
    const variables = {
      XDG_CACHE_HOME: outer,
      PATH: join(folder, "empty"),
      INTERLOCK_BUN: undefined,
      INTERLOCK_NODE: undefined,
    };
    const find = () => findRuntimes([adapter.name === "bun" ? "node" : "bun"]);
    await withEnvironment(variables, () => body(join(outer, "interlock"), outer, find));
  });
}

describe("the cache of runtimes", () => {
  it("is used if it belongs to this user, and created for this user only", () =>
    withCache(async (cache, outer, find) => {
      chmodSync(cache, 0o755);
      chmodSync(outer, 0o1777);
      assert.equal(cacheFolder(), cache);
      const [{ path }] = await find() as [{ path: string }];
      assert.ok(path.startsWith(cache));
      process.env.XDG_CACHE_HOME = join(outer, "new");
      assert.equal(statSync(cacheFolder()).mode & 0o777, 0o700);
      assert.equal(statSync(join(outer, "new")).mode & 0o777, 0o700);
    }));

  it("is rejected if other users may write to it or replace it", () =>
    withCache(async (cache, outer, find) => {
      const refused = /Cannot trust .*others may use it: its mode is \d+\. Nothing in it was used/;
      for (const mode of [0o777, 0o1777, 0o702]) {
        chmodSync(cache, mode);
        await assert.rejects(find(), refused);
        assert.throws(cacheFolder, refused);
      }
      chmodSync(cache, 0o700);
      chmodSync(outer, 0o777);
      await assert.rejects(find(), refused);
      assert.equal(existsSync(join(cache, "run")), false);
    }));

  it("is rejected if it is a link", () =>
    withCache((cache, outer) => {
      const other = join(outer, "other");
      mkdirSync(other);
      symlinkSync(cache, join(other, "interlock"));
      process.env.XDG_CACHE_HOME = other;
      assert.throws(cacheFolder, /Cannot trust .*not a folder/);
    }));

  it(
    "is rejected if it belongs to another user",
    { skip: needsRoot },
    () =>
      withCache(async (cache, outer, find) => {
        chownSync(cache, 1234, 1234);
        await assert.rejects(find(), /Cannot trust .*belongs to user 1234/);
        chownSync(cache, 0, 0);
        chownSync(outer, 1234, 1234);
        chmodSync(outer, 0o1777);
        await assert.rejects(find(), /Cannot trust .*outer.*belongs to user 1234/);
      }),
  );
});

describe("makeFolders", () => {
  it("makes a folder and those above it, for this user only", () =>
    inScratchFolder((folder) => {
      makeFolders(join(folder, "a/b/c"));
      assert.equal(statSync(join(folder, "a")).mode & 0o777, 0o700);
      makeFolders(join(folder, "a/b/c"));
      writeFileSync(join(folder, "file"), "");
      assert.throws(
        () => makeFolders(join(folder, "file/b")),
        /^Error: Cannot make the folder ".*": a part of the path is not a directory \(ENOTDIR\)$/,
      );
    }));

  it("ends below /proc, where Node's own recursion does not", () => {
    assert.throws(() => makeFolders("/proc/x/y/z"), /Cannot make the folder .*\(ENOENT\)/);
  });
});

describe("the folder of runs", { skip: cannotMount(PRIVATE_SHM) }, () => {
  it(
    "is rejected if another user made it, and files that it names stay",
    DEADLINE,
    () =>
      inScratchFolder((folder) => {
        const precious = join(folder, "interlock-count-precious");
        mkdirSync(precious);
        writeFileSync(join(precious, "file"), "");
        runMounted(PRIVATE_SHM, SQUATTED, precious, isRoot ? "yes" : "no");
      }),
  );
});
