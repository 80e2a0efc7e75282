import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { Child } from "../../support/child.ts";
import { cannotMount, runMounted } from "../../support/mounted.ts";
import { inScratchFolder } from "../../support/scratch_folder.ts";

const DEADLINE = { timeout: 60_000 };
const fixture = (name: string) => new URL(`../fixtures/${name}_process.ts`, import.meta.url);
/** A quota of the file system fails in the same way, with EDQUOT. */
const NO_BYTE = "trap '' XFSZ; ulimit -f 0";
const skip = cannotMount("mount -t tmpfs none /tmp");

function withFiles(body: (folder: string) => void): Promise<void> {
  return inScratchFolder((folder) => {
    mkdirSync(join(folder, "mounted"));
    const contents = { lock: "", count: "9\n", document: '{"done":1}\n', "document.lock": "" };
    for (const [name, text] of Object.entries(contents)) {
      writeFileSync(join(folder, "mounted", name), text);
    }
    body(join(folder, "mounted"));
  });
}

describe("A counter and a record of which only a part can be written", DEADLINE, () => {
  it("stay as they were", () =>
    inScratchFolder(async (folder) => {
      await using child = Child.here(fixture("partial_write"), folder);
      const { code, signal, stderr } = await child.ended;
      assert.deepEqual([code, signal], [0, null], stderr);
    }));
});

describe("Locks, counters and documents that cannot be written", { skip }, () => {
  it(
    "say so and keep their contents if the file system is full",
    DEADLINE,
    () =>
      inScratchFolder((folder) => {
        const script = `mount -t tmpfs -o size=64k none ${folder}`;
        runMounted(script, fixture("full_disk"), folder);
      }),
  );

  it("say so if the file system is read-only", DEADLINE, () =>
    withFiles((folder) => {
      const script = `mount --bind ${folder} ${folder}; mount -o remount,bind,ro ${folder}`;
      runMounted(script, fixture("read_only"), folder);
    }));

  it(
    "say so if a file may not grow",
    DEADLINE,
    () => withFiles((folder) => runMounted(NO_BYTE, fixture("size_limit"), folder)),
  );
});
