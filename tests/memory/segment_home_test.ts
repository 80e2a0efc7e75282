import assert from "node:assert/strict";
import { chmodSync, chownSync, mkdirSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { describe, it } from "node:test";
import { SegmentFormatError } from "../../src/contract/mod.ts";
import { Segment } from "../../src/memory/mod.ts";
import { folderOfSegments, prepareHome } from "../../src/memory/segment_home.ts";
import { cannotMount, runMounted } from "../support/mounted.ts";
import { inScratchFolder } from "../support/scratch_folder.ts";

const DEADLINE = { timeout: 60_000 };
const SQUATTED = new URL("./fixtures/squatted_home_process.ts", import.meta.url);
const WITHOUT_SHM_PROCESS = new URL("./fixtures/without_shm_process.ts", import.meta.url);
/** A /dev with some devices, and without /dev/shm; and a /tmp of its own. */
const WITHOUT_SHM = `mount -t tmpfs none /mnt
for name in null zero random urandom; do touch /mnt/$name; mount --bind /dev/$name /mnt/$name; done
mount --rbind /mnt /dev
mount -t tmpfs -o mode=1777 none /tmp`;
const PRIVATE_SHM = "mount -t tmpfs none /dev/shm";

const inFolder = (body: (directory: string) => void) => () =>
  inScratchFolder((folder) => {
    chmodSync(folder, 0o700);
    body(folder);
  });

/** Runs `body` with other values of variables of the environment. */
function withVariables(values: Readonly<Record<string, string>>, body: () => void): void {
  const before = Object.keys(values).map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, values);
  try {
    body();
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }
}

describe("The home of segments", () => {
  it(
    "is the same whatever the environment says, unless INTERLOCK_DIR names it",
    inFolder((folder) => {
      const home = folderOfSegments(undefined);
      assert.match(home, new RegExp(`^/(dev/shm|tmp)/interlock-${process.getuid!()}$`));
      const names = ["HOME", "LOGNAME", "TMPDIR", "USER", "XDG_RUNTIME_DIR", "XDG_CACHE_HOME"];
      withVariables(Object.fromEntries(names.map((name) => [name, folder])), () => {
        assert.equal(folderOfSegments(undefined), home);
      });
      withVariables({ INTERLOCK_DIR: "" }, () => assert.equal(folderOfSegments(undefined), home));
      withVariables({ INTERLOCK_DIR: folder }, () => {
        assert.equal(folderOfSegments(undefined), folder);
        Segment.open("named").close();
        assert.deepEqual(Segment.list().map(({ name }) => name), ["named"]);
        assert.equal(folderOfSegments("/tmp"), "/tmp", "an option comes first");
        assert.equal(Segment.remove("named"), true);
      });
    }),
  );

  it("is in /tmp on a machine without /dev/shm", {
    ...DEADLINE,
    skip: cannotMount(WITHOUT_SHM),
  }, () => runMounted(WITHOUT_SHM, WITHOUT_SHM_PROCESS));

  it(
    "is refused if INTERLOCK_DIR names no folder, or one that is not safe",
    inFolder((folder) => {
      const open = () => Segment.open("never");
      for (const relative of ["x", "./x"]) {
        withVariables(
          { INTERLOCK_DIR: relative },
          () => assert.throws(open, /TypeError: Cannot use INTERLOCK_DIR: .*absolute path/),
        );
      }
      withVariables({ INTERLOCK_DIR: join(folder, "none") }, () => {
        assert.throws(open, /INTERLOCK_DIR: there is no folder .*none" \(ENOENT\)/);
        assert.deepEqual(Segment.list(), []);
      });
      mkdirSync(join(folder, "open"));
      chmodSync(join(folder, "open"), 0o777);
      withVariables(
        { INTERLOCK_DIR: join(folder, "open") },
        () => assert.throws(open, /SegmentFormatError: .*other users can write to it/),
      );
    }),
  );

  it(
    "is refused if other users can use it, and so is a link in its place",
    inFolder((directory) => {
      const home = join(directory, "home");
      prepareHome(home);
      prepareHome(home);
      assert.equal(statSync(home).mode & 0o777, 0o700);
      chmodSync(home, 0o755);
      assert.throws(() => prepareHome(home), SegmentFormatError);
      symlinkSync(directory, join(directory, "link"));
      assert.throws(() => prepareHome(join(directory, "link")), /not a folder. Set INTERLOCK_DIR/);
      const missing = join(directory, "none", "home");
      const isClear = { code: "ENOENT", message: /none\/home.*\(ENOENT\)\. Set INTERLOCK_DIR/ };
      assert.throws(() => prepareHome(missing), isClear);
    }),
  );

  it(
    "is not for other users",
    () => {
      assert.throws(() => Segment.open("shared", { mode: 0o660 }), /TypeError: .*INTERLOCK_DIR/);
      assert.throws(() => Segment.list({ mode: 0o666 }), TypeError);
    },
  );

  it(
    "is not trusted if it is a foreign folder",
    { ...DEADLINE, skip: cannotMount(PRIVATE_SHM) },
    () => runMounted(PRIVATE_SHM, SQUATTED, String(process.getuid!())),
  );
});

describe("The directory of segments", () => {
  it(
    "is refused if other users could replace its files",
    inFolder((directory) => {
      Segment.open("mine", { directory }).close();
      const uses: Readonly<Record<string, () => unknown>> = {
        open: () => Segment.open("mine", { directory }),
        list: () => Segment.list({ directory }),
        remove: () => Segment.remove("mine", { directory }),
      };
      for (const mode of [0o777, 0o702, 0o733]) {
        chmodSync(directory, mode);
        for (const [name, use] of Object.entries(uses)) {
          assert.throws(
            use,
            /SegmentFormatError: .*other users can write to it/,
            `${name} ${mode}`,
          );
        }
      }
      for (const mode of [0o1777, 0o755, 0o700]) {
        chmodSync(directory, mode);
        Segment.open("mine", { directory }).close();
      }
      assert.equal(Segment.remove("mine", { directory }), true);
    }),
  );

  it(
    "is refused if it belongs to another user",
    { skip: process.getuid!() !== 0 && "only ROOT gives folders to others: this was NOT TESTED" },
    inFolder((directory) => {
      Segment.open("mine", { directory }).close();
      chownSync(directory, 1234, 1234);
      for (const mode of [0o700, 0o1777]) {
        chmodSync(directory, mode);
        assert.throws(
          () => Segment.open("mine", { directory }),
          /SegmentFormatError: .*belongs to user 1234/,
        );
      }
    }),
  );
});
