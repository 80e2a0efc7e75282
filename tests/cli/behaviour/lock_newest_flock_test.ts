import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, closeSync, openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { adapter } from "../../../src/runtime/mod.ts";
import { Child, executableOf } from "../../support/child.ts";
import { cannotRunUnder, mounting } from "../../support/mounted.ts";
import { inScratchFolder } from "../../support/scratch_folder.ts";
import { COMMAND } from "../interlock.ts";

const DEADLINE = { timeout: 120_000 };

const STATUS = new URL("../fixtures/status_process.ts", import.meta.url);

/** Scripts for options that only the newest flock(1) has, and what its manual says of their output. */
const SCRIPTS: Readonly<Record<string, readonly [script: string, output: string]>> = {
  "locks a part of a file, which excludes no lock of the whole": [
    `"$@" --start 0x10 --length 1K f sh -c '"$@" --start=1040 -n f echo free
    "$@" --start 1039 -nE3 f true; echo $?; "$@" --fcntl -sn f true; echo $?; "$@" -n f echo whole
    ' sh "$@"; "$@" -s --fcntl . sh -c '"$@" -s --fcntl . echo shared; "$@" --fcntl . true || echo $?
    ' sh "$@"`,
    "free 3 1 whole shared 65",
  ],
  "locks a descriptor while a command runs": [
    `exec 9<> f; "$@" --fcntl 9; "$@" --fcntl -nonly 9 2> /dev/null; echo $?
    "$@" --fcntl -n f true; echo $?; "$@" --fcntl -u 9; "$@" --fcntl -n f true; echo $?
    "$@" --nonblocking --fd 9 "$@" -n f true; echo $?
    exec 8<> g; "$@" -o --fd 8 -c '[ -e /proc/$$/fd/8 ] || echo closed'; "$@" --fd 7 true; echo $?`,
    "2 1 0 1 closed 65",
  ],
};

describe("interlock lock, as the manual of the newest flock(1) says", () => {
  for (const [name, [script, expected]] of Object.entries(SCRIPTS)) {
    it(name, DEADLINE, () =>
      inScratchFolder((folder) => {
        const words = ["-c", script, "sh", ...COMMAND, "lock"];
        const { stdout, stderr } = spawnSync("sh", words, { cwd: folder, encoding: "utf8" });
        assert.equal(stdout.trim().split(/\s+/).join(" "), expected, stderr);
      }));
  }

  it(
    "tells held from what this user may not look at",
    DEADLINE,
    () =>
      inScratchFolder(async (folder) => {
        const path = join(folder, "f");
        writeFileSync(path, "");
        chmodSync(path, 0);
        chmodSync(folder, 0o755);
        const ask = async (file: string) => {
          await using child = Child.here(STATUS, "65534", file);
          const state = JSON.parse(await child.line());
          return { status: Number(await child.line()), ...state };
        };
        const { reason, ...unknown } = await ask(path);
        assert.deepEqual(unknown, { status: 66, path, state: "unknown" });
        assert.equal(reason, `Cannot open "${path}": permission denied (EACCES)`);
        assert.deepEqual(await ask(`${path}.missing`), {
          status: 0,
          path: `${path}.missing`,
          state: "free",
          exists: false,
        });
      }),
  );

  it(
    "says neither held nor free if it cannot look, or cannot say it",
    DEADLINE,
    () =>
      inScratchFolder((folder) => {
        const ask = (command: readonly string[], output: number | "pipe") => {
          const words = [...command.slice(1), "lock", "--status", folder];
          return spawnSync(command[0], words, { stdio: ["ignore", output, "pipe"] }).status;
        };
        const full = openSync("/dev/full", "w");
        assert.equal(ask(COMMAND, full), 66);
        closeSync(full);
        const deno = executableOf("deno");
        if (deno === undefined) return;
        const mayNotRead = [deno, "run", "--no-prompt", "--allow-env", "--allow-sys"];
        assert.equal(ask([...mayNotRead, COMMAND.at(-1)!], "pipe"), 66);
      }),
  );

  // The other runtimes cannot start without /proc.
  const withoutProc = mounting("mount -t tmpfs none /proc");
  if (adapter.name === "node") {
    it(
      "says that it cannot tell whose a descriptor is, without /proc",
      { ...DEADLINE, skip: cannotRunUnder(withoutProc) },
      () =>
        inScratchFolder((folder) => {
          const script = 'exec 9> "$0"; "$@" -n 9';
          const { status, stderr } = spawnSync(
            withoutProc[0],
            [...withoutProc.slice(1), "sh", "-c", script, join(folder, "f"), ...COMMAND, "lock"],
            { encoding: "utf8" },
          );
          assert.deepEqual([status, /\/proc.* is missing/.test(stderr)], [65, true], stderr);
        }),
    );
  }

  it(
    "ends by the signal that reached it and ended its command",
    DEADLINE,
    () =>
      inScratchFolder((folder) => {
        const words = ["lock", join(folder, "f"), "sh", "-c", "kill -INT $PPID; exec sleep 50"];
        const { signal } = spawnSync(COMMAND[0], [...COMMAND.slice(1), ...words]);
        assert.equal(signal, "SIGINT");
      }),
  );
});
