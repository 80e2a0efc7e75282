import assert from "node:assert/strict";
import { accessSync, constants, symlinkSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import process from "node:process";
import { describe, it } from "node:test";
import { adapter } from "../../../src/runtime/mod.ts";
import { foldersIn, inScratchFolder } from "../../support/scratch_folder.ts";
import { Interlock } from "../interlock.ts";

const OTHERS = ["deno", "bun", "node"].filter((name) => name !== adapter.name);

/** A folder for the PATH with npm, which runs as usual, but no runtime. */
function pathWithoutRuntimes(folder: string): string {
  const npm = process.env.PATH!.split(delimiter).map((path) => join(path, "npm")).find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
  if (npm !== undefined) {
    const script = `#!/bin/sh\nPATH='${process.env.PATH}' exec '${npm}' "$@"\n`;
    writeFileSync(join(folder, "npm"), script, { mode: 0o755 });
  }
  symlinkSync("/bin/sh", join(folder, "sh"));
  return folder;
}

describe("a count without a network", () => {
  it("prints its table before it asks for the other runtimes, and goes on without them", async () => {
    await inScratchFolder(async (scratch) => {
      const folder = foldersIn(scratch);
      const small = ["--unit", "worker", "--workers", "3", "--increments", "10", "--cold"];
      const command = new Interlock(["count", ...small], {
        PATH: pathWithoutRuntimes(folder("path")),
        XDG_CACHE_HOME: folder("cache"),
        npm_config_cache: folder("npm"),
        npm_config_registry: "http://127.0.0.1:9", // The port "discard", which refuses.
        BUN_INSTALL_CACHE_DIR: folder("bun"),
        ...Object.fromEntries(OTHERS.map((name) => [`INTERLOCK_${name.toUpperCase()}`, undefined])),
      });
      let shownAtFirstFetch: string | undefined;
      command.process.stderr!.on("data", () => {
        if (command.stderr.includes("Fetching")) shownAtFirstFetch ??= command.stdout;
      });
      const { status, stdout, stderr } = await command.ended;
      assert.equal(status, 0, stderr);
      assert.equal(stdout.match(/^strategy /gm)?.length, 1, "one table");
      assert.match(shownAtFirstFetch ?? "", /^striped .* exact$/m);
      for (const name of OTHERS) {
        assert.match(
          stderr,
          new RegExp(`^Fetching ${name} [\\d.]+ from npm \\(about \\d+ MB\\) \\.\\.\\.$`, "m"),
        );
        const left = stderr.split("\n").filter((line) =>
          line.startsWith(`Counting without ${name}.`)
        );
        assert.equal(left.length, 1, stderr);
        assert.match(
          left[0],
          /the PATH has .*, and fetching .* failed: \S.*\. Install \w+ and put/,
        );
        assert.doesNotMatch(left[0], /complete log/);
      }
      assert.equal(stderr.trim().split("\n").length, 4, "two lines for each runtime");
    });
  });
});
