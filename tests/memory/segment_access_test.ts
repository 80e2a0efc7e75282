import assert from "node:assert/strict";
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { describe, it } from "node:test";
import { Segment } from "../../src/memory/mod.ts";
import { Child } from "../support/child.ts";
import { inScratchFolder } from "../support/scratch_folder.ts";

const DEADLINE = { timeout: 60_000 };
const PROCESS = new URL("./fixtures/sharing_process.ts", import.meta.url);
const GROUP = 54_000;

const skip = process.getuid!() !== 0 && "only ROOT becomes other users: this was NOT TESTED";

describe("A segment of several users", () => {
  it(
    "has the mode and the group that were asked for, whatever the umask is",
    () =>
      inScratchFolder((directory) => {
        const group = process.getuid!() === 0 ? GROUP : process.getgid!();
        for (const mode of [0o600, 0o660, 0o666]) {
          const name = `of-${mode}`;
          const access = { mode, group: mode === 0o600 ? undefined : group };
          Segment.open(name, { directory, ...access }).close();
          const found = statSync(join(directory, name));
          assert.equal(found.mode & 0o777, mode);
          if (mode !== 0o600) assert.equal(found.gid, group);
          using again = Segment.open(name, { directory, ...access });
          using third = Segment.from(structuredClone(again.handle));
          assert.equal(third.memory.id, again.memory.id);
          if (mode === 0o660) {
            const other = { directory, mode, group: group + 1 };
            assert.throws(() => Segment.open(name, other), /SegmentFormatError: .*group/);
          }
          if (mode === 0o600) continue;
          assert.throws(() => Segment.open(name, { directory }), /other users can use it/);
          const other = { directory, mode: mode ^ 0o006 };
          assert.throws(() => Segment.open(name, other), /SegmentFormatError: .*its mode is/);
        }
      }),
  );

  it("has a mode in which every user may write, or none", () => {
    for (const mode of [0o400, 0o640, 0o644, 0o700, 0o770, 0o777, 660, -1, 0.5]) {
      assert.throws(() => Segment.open("never", { mode, directory: "/tmp" }), RangeError);
    }
    const group = process.getgid!();
    const isClear = /TypeError: .*group needs a mode/;
    assert.throws(() => Segment.open("never", { group, directory: "/tmp" }), isClear);
  });

  it("excludes them from each other, and no other user in", {
    ...DEADLINE,
    skip,
  }, async () => {
    const folder = mkdtempSync("/tmp/interlock-users-");
    chmodSync(folder, 0o711);
    const directory = join(folder, "shared");
    mkdirSync(directory);
    chownSync(directory, 0, GROUP);
    chmodSync(directory, 0o2770);
    const start = (user: number, groups: readonly number[], mode: string, group = GROUP) => {
      const access = [directory, mode, group ? String(group) : ""];
      return Child.here(PROCESS, String(user), JSON.stringify(groups), ...access);
    };
    const outcomeOf = async (child: Child) => JSON.parse(await child.line());
    try {
      await using first = start(54_001, [GROUP], "0o660");
      assert.deepEqual(await outcomeOf(first), {
        got: true,
        recovered: false,
        count: 1,
        listed: 1,
      });
      {
        await using second = start(54_002, [GROUP], "0o660");
        assert.deepEqual(await outcomeOf(second), { got: false, count: 2, listed: 1 });
      }
      first.kill();
      await first.ended;
      await using third = start(54_002, [GROUP], "0o660");
      const { got, recovered } = await outcomeOf(third);
      assert.deepEqual({ got, recovered }, { got: true, recovered: true });

      await using stranger = start(54_003, [], "0o660");
      assert.match((await outcomeOf(stranger)).error, /EACCES|EPERM/);
      await using open = start(54_001, [GROUP], "0o666");
      assert.match((await outcomeOf(open)).error, /SegmentFormatError: .*its mode is 660, not 666/);
      await using other = start(54_001, [GROUP, 54_009], "0o660", 54_009);
      assert.match((await outcomeOf(other)).error, /SegmentFormatError/);
      await using careless = start(54_001, [GROUP], "", 0);
      assert.match((await outcomeOf(careless)).error, /SegmentFormatError: .*other users can/);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
