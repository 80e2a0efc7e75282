import assert from "node:assert/strict";
import process from "node:process";
import { describe, it } from "node:test";
import { adapter } from "../../../src/runtime/mod.ts";
import { Child, RUN } from "../../support/child.ts";

/**
 * A Node that compiles a function when it is told to, for some time, and whose freed memory is filled
 * with other bytes (glibc).
 */
const COMMAND = [
  "GLIBC_TUNABLES=glibc.malloc.perturb=85",
  process.execPath,
  ...RUN.node,
  "--allow-natives-syntax",
  "--max-optimized-bytecode-size=1000000",
  "--max-inlined-bytecode-size-cumulative=100000",
];

if (adapter.name === "node") {
  describe("calls of C by node:ffi", () => {
    it(
      "do not crash V8 if a worker ends while they are compiled",
      { timeout: 60_000 },
      async () => {
        const module = new URL("../fixtures/compiling_process.ts", import.meta.url);
        await using child = new Child("env", COMMAND, module, []);
        const { code, signal, stderr } = await child.ended;
        assert.deepEqual({ code, signal, stderr }, { code: 0, signal: null, stderr: "" });
      },
    );
  });
}
