import assert from "node:assert/strict";
import { existsSync, readFileSync, truncateSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { describe, it } from "node:test";
import { Segment } from "../../mod.ts";
import { HEADER } from "../../src/memory/layout.ts";
import { removeIfUnused } from "../../src/memory/unused.ts";
import { Child } from "../support/child.ts";
import { inScratchFolder } from "../support/scratch_folder.ts";
import { until } from "../support/until.ts";

const DEADLINE = { timeout: 60_000 };
const HOLDER = new URL("./fixtures/holding_process.ts", import.meta.url);
const REOPENING = new URL("./fixtures/reopening_process.ts", import.meta.url);

describe("removeIfUnused", () => {
  it("removes a segment that all threads have closed, and no other", () =>
    inScratchFolder((directory) => {
      const path = join(directory, "jobs");
      const segment = Segment.open("jobs", { directory, mode: 0o660, group: process.getgid!() });
      assert.deepEqual(removeIfUnused(path).map(({ owner }) => owner.pid), [process.pid]);
      assert.equal(segment.stale, false);
      segment.close();
      assert.deepEqual(removeIfUnused(path), []);
      assert.equal(existsSync(path), false);
      assert.throws(() => removeIfUnused(path), { code: "ENOENT" });
    }));

  it(
    "removes a segment whose only user was killed",
    DEADLINE,
    () =>
      inScratchFolder(async (directory) => {
        const path = join(directory, "jobs");
        Segment.open("jobs", { directory }).close();
        await using holder = Child.here(HOLDER, "jobs", directory);
        await holder.line();
        assert.deepEqual(removeIfUnused(path).map(({ owner }) => owner.pid), [holder.pid]);
        holder.kill();
        await holder.ended;
        assert.deepEqual(removeIfUnused(path), []);
        assert.equal(existsSync(path), false);
      }),
  );

  it("keeps a file that it cannot read as a segment", () =>
    inScratchFolder((directory) => {
      const path = join(directory, "jobs");
      Segment.open("jobs", { directory }).close();
      truncateSync(path, HEADER.end);
      const before = readFileSync(path);
      assert.throws(() => removeIfUnused(path), { name: "SegmentFormatError" });
      assert.ok(readFileSync(path).equals(before));
    }));

  it(
    "never removes a segment that is being opened",
    DEADLINE,
    () =>
      inScratchFolder(async (directory) => {
        await using child = Child.here(REOPENING, directory);
        await child.line();
        let [removed, kept] = [0, 0];
        await until("both outcomes", () => {
          try {
            if (removeIfUnused(join(directory, "jobs")).length === 0) removed++;
            else kept++;
          } catch (error) {
            assert.equal((error as { code?: string }).code, "ENOENT");
          }
          return removed > 20 && kept > 20;
        });
        child.close();
        assert.ok(Number(await child.line()) > 20);
        assert.equal((await child.ended).code, 0);
      }),
  );
});
