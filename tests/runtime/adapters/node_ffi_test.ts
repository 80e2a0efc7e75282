import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Child, executableOf, RUN } from "../../support/child.ts";

const DEADLINE = { timeout: 60_000 };
const node = executableOf("node");
const WARNING = new URL("../fixtures/warning_process.ts", import.meta.url);
const HELPER = new URL("../fixtures/helper_process.ts", import.meta.url);
const COMPILING = new URL("../fixtures/compiling_process.ts", import.meta.url);

/**
 * A Node that compiles a function when it is told to, for some time, and whose freed memory is filled
 * with other bytes (glibc).
 */
const COMPILES = [
  "GLIBC_TUNABLES=glibc.malloc.perturb=85",
  node!,
  ...RUN.node,
  "--allow-natives-syntax",
  "--max-optimized-bytecode-size=1000000",
  "--max-inlined-bytecode-size-cumulative=100000",
];

/** Prints a line in each thread that imports it. */
const IMPORT = "--import=data:text/javascript,process._rawDebug(1)";

describe("A helper in Node", { skip: node === undefined && "INTERLOCK_NODE is not set" }, () => {
  const ways = {
    "the command line": [node!, IMPORT],
    NODE_OPTIONS: [`NODE_OPTIONS=${IMPORT}`, node!],
  };
  for (const [way, command] of Object.entries(ways)) {
    it(`imports none of the modules of ${way}, which could start helpers`, DEADLINE, async () => {
      await using child = new Child("env", command, HELPER, []);
      const { code, stderr } = await child.ended;
      assert.deepEqual({ code, stderr }, { code: 0, stderr: "1\n" });
    });
  }
});

describe("Calls of C in Node", { skip: node === undefined && "INTERLOCK_NODE is not set" }, () => {
  it("warn of nothing, and the program's own warnings remain", DEADLINE, async () => {
    const { code, stderr } = await Child.in("node", WARNING).ended;
    assert.equal(code, 0, stderr);
    const warnings = stderr.split("\n").filter((line) => line.includes("Warning: "))
      .map((line) => line.replace(/.*Warning: /, ""));
    assert.deepEqual(warnings, ["of the program", "of the program"]);
  });

  it("do not crash V8 if a worker ends while they are compiled", DEADLINE, async () => {
    await using child = new Child("env", COMPILES, COMPILING, []);
    const { code, signal, stderr } = await child.ended;
    assert.deepEqual({ code, signal, stderr }, { code: 0, signal: null, stderr: "" });
  });
});
