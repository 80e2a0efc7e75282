import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { Child, executableOf } from "../../support/child.ts";
import { inScratchFolder } from "../../support/scratch_folder.ts";

const DEADLINE = { timeout: 60_000 };
const MOVER = new URL("../fixtures/changing_folder_process.ts", import.meta.url);
const deno = executableOf("deno");
const skip = deno === undefined && "Deno is MISSING (run by tests/run.ts): this was NOT TESTED";

/** The files that a process leaves in its first folder, and in the one that it goes to. */
function filesOf(start: (folder: string) => Child): Promise<unknown> {
  return inScratchFolder(async (folder) => {
    for (const name of ["a", "b"]) mkdirSync(join(folder, name));
    await using child = start(folder);
    return JSON.parse(await child.line());
  });
}

describe("A relative path", () => {
  it("leads to the same file when the program is in another folder", DEADLINE, async () => {
    const files = await filesOf((folder) => Child.here(MOVER, folder));
    const a = ["count.commit", "lock", "new", "new/x.json", "new/x.json.lock", "segment"];
    assert.deepEqual(files, { a, b: [] });
  });

  it("leads to the same file for Deno's own locks", { ...DEADLINE, skip }, async () => {
    const args = ["run", "--quiet", "--no-config", "--no-lock", "--no-prompt", "--allow-env"];
    const files = await filesOf((folder) =>
      new Child(deno!, [...args, "--allow-read", "--allow-write"], MOVER, [folder, "locks alone"])
    );
    assert.deepEqual(files, { a: ["lock"], b: [] });
  });
});
