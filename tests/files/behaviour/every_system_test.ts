import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { describe, it } from "node:test";
import { FileCounter, FileLock, JsonFile } from "../../../mod.ts";
import { Child } from "../../support/child.ts";
import { inScratchFolder } from "../../support/scratch_folder.ts";

const DEADLINE = { timeout: 60_000 };
const HOLDER = new URL("../fixtures/holding_process.ts", import.meta.url);
const ADDER = new URL("../fixtures/adding_process.ts", import.meta.url);
const CHANGER = new URL("../fixtures/changing_process.ts", import.meta.url);
const onMac = process.platform === "darwin" && "NOT on macOS: this was NOT TESTED";

/** What Windows can do, too; most other tests of files need a mode, a pipe or a tool of Linux. */
describe("Between processes of every system", () => {
  it(
    "a lock excludes until its holder is killed",
    DEADLINE,
    () =>
      inScratchFolder(async (folder) => {
        const path = join(folder, "new", "lock");
        using lock = new FileLock(path);
        await using child = Child.here(HOLDER, path);
        assert.equal(await child.line(), "held");
        assert.equal(lock.tryAcquire(), undefined);
        child.kill();
        using guard = await lock.acquire({ timeout: 30_000 });
        assert.ok(guard.held);
        await child.ended;
      }),
  );

  for (const durable of [false, true]) {
    it(
      `a counter${durable ? " on the storage" : ""} is exact`,
      { ...DEADLINE, skip: onMac },
      () =>
        inScratchFolder(async (folder) => {
          const path = join(folder, "new", "count.txt");
          using counter = new FileCounter(path, { durable });
          const children = [1, 2].map(() =>
            Child.here(ADDER, path, "50", `{"durable":${durable}}`)
          );
          for (const child of children) assert.equal(await child.line(), "ready");
          for (const child of children) child.tell("go");
          await Promise.all(Array.from({ length: 50 }, () => counter.add()));
          for (const { ended } of children) await ended;
          assert.equal(await counter.get(), 150);
          assert.equal(readFileSync(path, "utf8"), "150\n");
        }),
    );
  }

  it(
    "a document is whole, whenever its writer is killed",
    { ...DEADLINE, skip: onMac },
    () =>
      inScratchFolder(async (folder) => {
        const path = join(folder, "jobs.json");
        using file = new JsonFile<{ done: number; filler: string }>(path);
        await using child = Child.here(CHANGER, path);
        let last = 0;
        while (last < 20) {
          last = Number(await child.line());
          assert.ok(file.readSync().done >= last);
        }
        child.kill();
        await child.ended;
        const { done } = await file.update(({ done }) => ({ done: done + 1, filler: "" }));
        assert.ok(done > last);
      }),
  );
});
