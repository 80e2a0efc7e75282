import { describe, it } from "node:test";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { run, SHORT } from "./project.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** A Bun for musl, such as that of npm's `@oven/bun-linux-x64-musl`, which this system can run. */
const BUN = process.env.INTERLOCK_BUN_MUSL;
const skip = BUN === undefined && "INTERLOCK_BUN_MUSL names no Bun for musl: this was NOT TESTED";

describe("The tests of what calls the C library pass with musl", { skip: SHORT || skip }, () => {
  for (const folder of ["runtime", "memory", "files"]) {
    it(folder, async () => {
      const env = { INTERLOCK_BUN: BUN };
      await run([BUN!, "test", "--timeout", "120000", `./tests/${folder}`], { cwd: ROOT, env });
    });
  }
});
