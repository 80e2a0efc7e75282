import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cpSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { it } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { adapter } from "../../../src/runtime/mod.ts";
import { inScratchFolder } from "../../support/scratch_folder.ts";

const SOURCES = fileURLToPath(new URL("../../../src", import.meta.url));
const RUN = {
  deno: ["run", "-A", "--no-config", "--no-lock", "--cached-only"],
  bun: ["--no-install"],
  node: [],
}[adapter.name];

it("an address without node-redis is an error that says what to install", async () => {
  await inScratchFolder(async (folder) => {
    for (const part of ["contract", "redis", "runtime"]) {
      cpSync(join(SOURCES, part), join(folder, part), { recursive: true });
    }
    const main = join(folder, "main.ts");
    writeFileSync(
      main,
      `import { RedisCounter } from "./redis/mod.ts";
      const counter = new RedisCounter("redis://127.0.0.1:1", "n");
      await counter.add().catch((error) => console.log(error.name + ": " + error.message));
      await counter.close();`,
    );
    const { stdout } = await promisify(execFile)(process.execPath, [...RUN, main]);
    assert.match(
      stdout,
      /^MisconfiguredError: .*the package redis \(node-redis\) is not installed\. .*npm install redis/,
    );
  });
});
