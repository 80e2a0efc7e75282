import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { FileLock } from "../../../mod.ts";
import { inScratchFolder } from "../../support/scratch_folder.ts";
import { COMMAND, interlock } from "../interlock.ts";

const DEADLINE = { timeout: 120_000 };
const NEW = "what the command writes\n".repeat(3);

/** What commands do to the lock file under which they run, `f`. */
const SCRIPTS = {
  "copies onto it": "cp new f",
  "overwrites it": "printf other > f",
  "empties it": ": > f",
  "appends to it": "printf more >> f",
  "edits it in place": "sed -i s/old/young/ f; :",
  "replaces it by another file": "mv new f",
  "removes it": "rm f",
  "moves it away": "mv f g",
  "makes it as long as a record": "head -c 1024 /dev/zero > f",
} as const;
/** Of these, the ones that keep the contents. */
const KEPT = ["appends to it", "moves it away", "edits it in place"];
/** The contents before; `undefined` if there is no file. */
const BEFORE = { missing: undefined, empty: "", full: "old\n", long: "old\n".repeat(1000) };
const FORMS = [[], ["-o"], ["-F"], ["-s"]] as const;

function prepare(folder: string, before: string | undefined): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "new"), NEW);
  if (before !== undefined) writeFileSync(join(folder, "f"), before);
}

/** The files of a folder and their contents. */
function contentsOf(folder: string): Record<string, string> {
  const names = readdirSync(folder).toSorted();
  return Object.fromEntries(
    names.map((name) => [name, readFileSync(join(folder, name), "latin1")]),
  );
}

describe("interlock lock does not disturb a command that", () => {
  for (const [what, script] of Object.entries(SCRIPTS)) {
    it(what, DEADLINE, () =>
      inScratchFolder(async (scratch) => {
        let count = 0;
        const check = async (before: string | undefined, form: readonly string[]) => {
          const [ours, theirs] = ["ours", "theirs"].map((name) => join(scratch, `${count}${name}`));
          count++;
          for (const folder of [ours, theirs]) prepare(folder, before);
          // The same without a lock. A lock creates the file before the command runs.
          if (before === undefined) writeFileSync(join(theirs, "f"), "");
          spawnSync("sh", ["-c", `cd "$0"; ${script}`, theirs]);
          const { status, stderr } = await interlock(
            ["lock", ...form, join(ours, "f"), "sh", "-c", `cd "$0"; ${script}`, ours],
          );
          assert.equal(status, 0, stderr);
          const [found, expected] = [ours, theirs].map(contentsOf);
          const description = `${before?.length ?? "missing"} ${form}: ${stderr}`;
          if (before !== undefined || form.some((flag) => flag !== "-o")) {
            return assert.deepEqual(found, expected, description);
          }
          // A new file may have a record, which a command that keeps the contents keeps.
          for (const name of ["f", "g"]) {
            if (!found[name]?.startsWith("interlock lock 1\n")) continue;
            assert.ok(KEPT.includes(what), description);
            found[name] = found[name].slice(1024);
          }
          assert.deepEqual(found, expected, description);
        };
        // The other options are tested with one of the commands.
        for (const form of what === "overwrites it" ? FORMS : FORMS.slice(0, 1)) {
          await Promise.all(Object.values(BEFORE).map((before) => check(before, form)));
        }
      }));
  }

  it("leaves nothing of a record in a copy", DEADLINE, () =>
    inScratchFolder(async (folder) => {
      prepare(folder, undefined);
      for (let i = 0; i < 5; i++) {
        const path = join(folder, `copy${i}`);
        const { status } = await interlock(["lock", path, "cp", join(folder, "new"), path]);
        assert.equal(status, 0);
        assert.equal(readFileSync(path, "latin1"), NEW);
      }
    }));

  it("is run from the file itself", DEADLINE, () =>
    inScratchFolder(async (folder) => {
      const path = join(folder, "echo");
      copyFileSync("/bin/echo", path);
      const { status, stdout, stderr } = await interlock(["lock", path, path, "ran"]);
      assert.deepEqual([status, stdout], [0, "ran\n"], stderr);
    }));

  it(
    "gets a descriptor of the file that it cannot write by",
    DEADLINE,
    () =>
      inScratchFolder((folder) => {
        const path = join(folder, "f");
        const script = 'for i in /proc/$$/fd/*; do [ $i -ef "$0" ] && ' +
          "grep flags /proc/$$/fdinfo/${i##*/}; done; true";
        for (const before of [undefined, "interlock lock 1\n"]) {
          if (before !== undefined) writeFileSync(path, before);
          const [command, ...words] = [...COMMAND, "lock", path, "sh", "-c", script, path];
          const { stdout } = spawnSync(command, words, { encoding: "utf8" });
          assert.match(stdout, /^flags:\s+0[0-7]*0\n$/, "one, for reading alone");
        }
      }),
  );

  it(
    "ends with its own status if the record cannot be written",
    DEADLINE,
    () =>
      inScratchFolder((folder) => {
        const path = join(folder, "f");
        const [limit, command] = ["trap '' XFSZ; ulimit -f 0; exec \"$@\"", "echo ran; exit 7"];
        const { status, stdout, stderr } = spawnSync(
          "sh",
          ["-c", limit, "sh", ...COMMAND, "lock", path, "sh", "-c", command],
          { encoding: "utf8" },
        );
        assert.deepEqual([status, stdout], [7, "ran\n"], stderr);
        assert.match(stderr, /record.*EFBIG/);
      }),
  );

  it(
    "finds its record struck out in a file that it has left alone",
    DEADLINE,
    () =>
      inScratchFolder(async (folder) => {
        const path = join(folder, "f");
        for (let i = 0; i < 2; i++) {
          assert.equal((await interlock(["lock", path, "cat", path])).status, 0);
          assert.match(
            readFileSync(path, "latin1"),
            /^interlock lock 1\ntoken \d{16}\nfree since /,
          );
        }
        using lock = new FileLock(path);
        using guard = lock.acquireSync();
        assert.equal(guard.recovered, false);
      }),
  );
});
