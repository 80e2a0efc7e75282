import assert from "node:assert/strict";
import { mkdirSync, readdirSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { installPackages } from "../../src/host/packages.ts";
import { inScratchFolder } from "../support/scratch_folder.ts";

describe("an installation of packages", () => {
  it("removes what a killed one has left, but not one that may still run", async () => {
    await inScratchFolder(async (folder) => {
      for (const name of ["new-left", "new-now", "other"]) {
        mkdirSync(join(folder, name, "a"), { recursive: true });
      }
      const yesterday = new Date(Date.now() - 24 * 3_600_000);
      for (const name of ["new-left", "other"]) {
        utimesSync(join(folder, name), yesterday, yesterday);
      }
      await installPackages(join(folder, "none"), { "package.json": "{}" });
      assert.deepEqual(readdirSync(folder).sort(), ["new-now", "none", "other"]);
    });
  });
});
