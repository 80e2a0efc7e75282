import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import process from "node:process";
import { describe, it } from "node:test";
import { adapter } from "../../../src/runtime/mod.ts";
import { pathOf } from "../../../src/runtime/paths/path_bytes.ts";
import { Child, executableOf, RUN } from "../../support/child.ts";
import { inScratchFolder } from "../../support/scratch_folder.ts";
import { Thread } from "../../support/thread.ts";

const DEADLINE = { timeout: 60_000 };
const FIXTURE = new URL("../fixtures/non_utf8_process.ts", import.meta.url);
const FILES = new URL("../fixtures/non_utf8_files_process.ts", import.meta.url);
/** "d\xE9/l\xE9ck", whose bytes are Latin-1 and not UTF-8. */
const PATH = Uint8Array.of(0x64, 0xe9, 0x2f, 0x6c, 0xe9, 0x63, 0x6b);
const PATH_OF_SHELL = "d\\351/l\\351ck";
const hex = (bytes: Uint8Array) =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
const inFolder = (folder: string) =>
  Uint8Array.of(...new TextEncoder().encode(`${folder}/`), ...PATH);

const deno = executableOf("deno");
const skipDeno = deno === undefined && "Deno is MISSING (run by tests/run.ts): this was NOT TESTED";
const WITHOUT_FFI = [
  "run",
  "--quiet",
  "--no-config",
  "--no-lock",
  "--no-prompt",
  "--allow-read",
  "--allow-write",
];

/** Runs shell commands in a folder; `printf` writes the bytes that a test's own text cannot. */
function shell(folder: string, script: string): string {
  return execFileSync("sh", ["-c", script], { cwd: folder, encoding: "latin1" });
}

/** Whether flock(1) finds the file locked. */
function isLocked(folder: string): boolean {
  const script = `flock --nonblock --conflict-exit-code 7 "$(printf '${PATH_OF_SHELL}')" true`;
  const { status } = spawnSync("sh", ["-c", script], { cwd: folder });
  assert.ok(status === 0 || status === 7, `flock(1) ended with ${status}`);
  return status === 7;
}

/** Starts a child in a working directory below `folder`, which is not UTF-8. */
function startInside(
  executable: string,
  flags: readonly string[],
  folder: string,
  path: string,
  module = FIXTURE,
): Child {
  const script = `cd "$0/$(printf 'caf\\351')" && exec "$@"`;
  shell(folder, `mkdir "$(printf 'caf\\351')"`);
  return new Child("sh", ["-c", script, folder, executable, ...flags], module, [path]);
}

describe("A path that is not UTF-8", () => {
  it("leads to its file", DEADLINE, () =>
    inScratchFolder(async (folder) => {
      await using child = Child.here(FIXTURE, hex(inFolder(folder)));
      assert.deepEqual(JSON.parse(await child.line()), {
        isLocked: true,
        mechanism: "flock",
        isCurrent: true,
      });
      assert.deepEqual(JSON.parse(await child.line()), {
        names: ["l\udce9ck"],
        excludes: true,
        sameFile: true,
        sameForm: true,
      });
      assert.equal(shell(folder, "ls; ls d*"), "d\xe9\nl\xe9ck\n");
      assert.equal(isLocked(folder), true);
      child.close();
      await child.ended;
      assert.equal(isLocked(folder), false);
    }));

  it(
    "may be relative to a working directory that is not UTF-8 either",
    DEADLINE,
    () =>
      inScratchFolder(async (folder) => {
        const flags = RUN[adapter.name];
        await using child = startInside(process.execPath, flags, folder, hex(PATH));
        assert.equal(JSON.parse(await child.line()).isLocked, true);
        assert.equal(JSON.parse(await child.line()).excludes, true);
        assert.equal(shell(folder, "cd caf* && ls && ls d*"), "d\xe9\nl\xe9ck\n");
      }),
  );

  for (const isRelative of [false, true]) {
    it(
      `serves all kinds of files, ${isRelative ? "relative" : "absolute"}`,
      DEADLINE,
      () =>
        inScratchFolder(async (folder) => {
          const path = hex(isRelative ? Uint8Array.of(0xe9) : inFolder(folder));
          await using child = isRelative
            ? startInside(process.execPath, RUN[adapter.name], folder, path, FILES)
            : Child.here(FILES, path);
          assert.deepEqual(JSON.parse(await child.line()), {
            lock: { path: "lock\udce9", hasToken: true },
            counter: [[3, 4], 4],
            document: { n: 3 },
            memory: [true, 3],
          });
          const { code, stderr } = await child.ended;
          assert.deepEqual([code, stderr], [0, ""]);
          const found = shell(folder, `cd ${isRelative ? "c*" : "d*"} && cd * && LC_ALL=C ls`);
          assert.deepEqual(found.trim().split("\n"), [
            "count\xe9",
            "count\xe9.commit",
            "document\xe9",
            "document\xe9.lock",
            "lock\xe9",
            "memory\xe9",
            "segment",
          ]);
        }),
    );
  }

  it(
    "is refused by the lock of Deno itself, which says why",
    { ...DEADLINE, skip: skipDeno },
    () =>
      inScratchFolder(async (folder) => {
        await using child = new Child(deno!, WITHOUT_FFI, FIXTURE, [hex(inFolder(folder))]);
        const { name, message } = JSON.parse(await child.line());
        assert.equal(name, "UnsupportedError");
        assert.match(message, /d\\xE9\/l\\xE9ck" without foreign functions: its path is not UTF-8/);
        await using inside = startInside(deno!, WITHOUT_FFI, folder, hex(Uint8Array.of(0x6c)));
        const other = JSON.parse(await inside.line());
        assert.equal(other.name, "UnsupportedError");
        assert.match(other.message, /the working directory is not UTF-8/);
        assert.equal(shell(folder, "ls -R | wc -l").trim(), "4", "it made a file");
      }),
  );

  it("arrives in a worker unchanged", DEADLINE, async () => {
    const path = pathOf(Uint8Array.of(0x2f, 0x80, 0xe9, 0xff, 0xf0, 0x9f, 0x98, 0x80, 0x9f));
    for (const spawn of [adapter.spawnWorker, adapter.spawnHelper]) {
      const echo = new Thread(new URL("../fixtures/echo_worker.ts", import.meta.url), spawn);
      try {
        echo.post({ path });
        assert.deepEqual(await echo.next(), { echo: { path } });
      } finally {
        echo.end();
      }
    }
  });
});
